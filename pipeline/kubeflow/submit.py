"""Starts a run of a compiled file through Kubeflow Pipelines' own client."""

from __future__ import annotations

import warnings
from pathlib import Path

from data_schemas.errors import ConfigurationError


def submit(
    file: Path,
    *,
    endpoint: str,
    namespace: str | None = None,
    service_account: str | None = None,
    experiment: str | None = None,
) -> str:
    """Returns the address of the run's page.

    Args:
        file: the compiled YAML.
        endpoint: the address of Kubeflow Pipelines' API.
        namespace: where the run goes, on a Kubeflow with several users.
        service_account: whom the run's pods act for.
        experiment: what the run is listed under.

    Raises:
        ConfigurationError: Kubeflow's client is not installed, the endpoint does not answer, or it refuses the run.
    """
    try:
        import kfp
        import kfp_server_api
        import urllib3
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"--submit needs {error.name}: pip install 'radflow[pipeline]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the client's own, about Python 3.10
            client = kfp.Client(host=endpoint, namespace=namespace or "kubeflow")
            run = client.create_run_from_pipeline_package(
                str(file),
                experiment_name=experiment,
                namespace=namespace,
                service_account=service_account,
            )
    except kfp_server_api.ApiException as error:
        raise ConfigurationError(f"--endpoint {endpoint} refused the run: {error.status} {error.reason}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ConfigurationError(
            f"--endpoint {endpoint} does not answer ({type(error).__name__}): is it Kubeflow Pipelines' address? From "
            "outside the cluster: kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80, and --endpoint "
            "http://127.0.0.1:8080"
        ) from error
    return f"{endpoint.rstrip('/')}/#/runs/details/{run.run_id}"
