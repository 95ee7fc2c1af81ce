"""One of the two services of a Beam cluster on this machine: `python -m pipeline.beam_service jobs|pool`.

They are Beam's own, but that they listen on the loopback interface alone: Beam's listen on every one, and run whatever
code they are sent. A service prints its port when it is ready, and ends when its standard input does, so that it does
not outlive the run that started it, however that ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as fn_api
from apache_beam.portability.api import beam_provision_api_pb2 as provision_api
from apache_beam.portability.api import beam_provision_api_pb2_grpc as provision_grpc
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer, kill_process_gracefully
from google.protobuf import json_format, text_format

LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serves until standard input ends, or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.beam_service", description=__doc__)
    parser.add_argument("service", choices=("jobs", "pool"))
    parser.add_argument("--workers", type=int, default=1, help="how many a job of `jobs` is shared out among")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _listen_on_loopback_alone()
    port, stop = serve_pool() if arguments.service == "pool" else serve_jobs(arguments.workers)
    try:
        print(port, flush=True)  # noqa: T201  # what the process that started this one waits for
        sys.stdin.read()
    finally:
        stop()


def serve_jobs(workers: int) -> tuple[int, Callable[[], None]]:
    """Starts the service that takes pipelines and runs each on workers; returns its port and what stops it."""

    class Job(local_job_service.BeamJob):
        """A job on several workers; Beam's own asks for one."""

        def _invoke_runner(self) -> Any:
            self.set_state(local_job_service.beam_job_api_pb2.JobState.RUNNING)
            runner = fn_runner.FnApiRunner(provision_info=self._provision_info)
            runner._num_workers = workers  # noqa: SLF001  # otherwise set from options of the direct runner alone
            return runner.run_via_runner_api(self._pipeline_proto, self.pipeline_options())

    service = local_job_service.LocalJobServicer(beam_job_type=Job)
    return service.start_grpc_server(), service.stop


def serve_pool() -> tuple[int, Callable[[], None]]:
    """Starts the service that starts workers; returns its port and what stops it and them."""
    address, server = WorkerPool.start()
    pools = WorkerPool.started

    def stop() -> None:
        server.stop(0)
        for pool in pools:
            pool.stop_workers()

    return int(address.rpartition(":")[2]), stop


class WorkerPool(BeamFnExternalWorkerPoolServicer):
    """Beam's pool, whose workers run as in its container image: with the pipeline's options, and logging to the runner.

    Beam's own starts `python`, whichever that is, without them, and with an output pipe that nobody empties.
    """

    started: list[WorkerPool] = []  # noqa: RUF012  # `start` does not say which one it made

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.started.append(self)

    def StartWorker(  # noqa: N802  # the API's name
        self, request: fn_api.StartWorkerRequest, context: grpc.ServicerContext
    ) -> fn_api.StartWorkerResponse:
        """Starts a process with this one's interpreter."""
        try:
            environment = os.environ | _environment(request)
        except grpc.RpcError as error:
            return fn_api.StartWorkerResponse(error=f"the runner does not say what to start: {error}")
        self._worker_processes[request.worker_id] = subprocess.Popen(
            [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
        )
        return fn_api.StartWorkerResponse()

    def stop_workers(self) -> None:
        """Ends every process that was started and has not ended."""
        for process in self._worker_processes.values():
            kill_process_gracefully(process)


def _environment(request: fn_api.StartWorkerRequest) -> dict[str, str]:
    """Returns what Beam's container tells a worker (beam/sdks/python/container/boot.go)."""
    with grpc.insecure_channel(request.provision_endpoint.url) as channel:
        info = (
            provision_grpc.ProvisionServiceStub(channel)
            .GetProvisionInfo(
                provision_api.GetProvisionInfoRequest(), metadata=(("worker_id", request.worker_id),), timeout=60
            )
            .info
        )
    return {
        "WORKER_ID": request.worker_id,
        "CONTROL_API_SERVICE_DESCRIPTOR": _text(request.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": _text(request.logging_endpoint),
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


def _text(endpoint: endpoints_pb2.ApiServiceDescriptor) -> str:
    return str(text_format.MessageToString(endpoint))


def _listen_on_loopback_alone() -> None:
    """Makes every gRPC server of this process listen there, and tells workers to look for the runner there."""
    make = grpc.server

    def server(*words: Any, **options: Any) -> grpc.Server:
        made = make(*words, **options)
        listen = made.add_insecure_port
        made.add_insecure_port = lambda address: listen(f"{LOOPBACK}:{address.rpartition(':')[2]}")
        return made

    grpc.server = server
    handler: Any = worker_handlers.ExternalWorkerHandler
    handler.host_from_worker = lambda _: LOOPBACK


if __name__ == "__main__":
    main()
