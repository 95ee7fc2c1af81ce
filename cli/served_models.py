"""What `radflow serve` finds to serve: every model that a run's output has, or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_schemas.approvals import only_writer
from data_schemas.digests import check_digests
from data_schemas.errors import ConfigurationError, ModelAltered
from data_schemas.models_config import MODELS_CONFIG_FILE, write_models_config
from data_schemas.served_folder import version_folders, versions
from serving.server.config import ModelConfig, VersionPolicy


@dataclass(frozen=True)
class ServedModels:
    """Models, and where they are.

    Attributes:
        configs: one for each model; the first is the one that is asked unless a client names another.
        root: OUTPUT/serving, where the models came from a run; its `models.config` says which versions are served.
    """

    configs: tuple[ModelConfig, ...]
    root: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(config.name for config in self.configs)

    @property
    def config_file(self) -> Path | None:
        """The file that says which versions have which label; None where all that is served is one version."""
        alone = any(config.policy.specific for config in self.configs)
        file = None if self.root is None or alone else self.root / MODELS_CONFIG_FILE
        return file if file is not None and file.is_file() else None

    def write_config(self) -> None:
        """Brings that file up to date: an output that was copied or moved has other paths than those it was made with.

        Raises:
            AuditBroken: the approvals cannot be relied on.
            ConfigurationError: the folder cannot be written.
        """
        if self.config_file is not None and self.root is not None:
            with only_writer(self.root):
                write_models_config(self.root)

    def check_files(self) -> None:
        """Raises where a model has no version to serve but such as were altered: no later attempt would load one.

        Raises:
            ModelAltered: the files of all of them are not those that were pushed.
            ConfigurationError: the file of the labels cannot be read.
        """
        from serving.server.config_file import read_model_config_file

        configs = read_model_config_file(self.config_file) if self.config_file else self.configs
        for config in configs:
            wanted = config.policy.choose(version_folders(config.base_path))
            altered = [error for error in map(_altered, wanted.values()) if error]
            if altered and len(altered) == len(wanted):
                raise altered[0]

    @property
    def output(self) -> Path | None:
        """The run's OUTPUT, where there is one."""
        return None if self.root is None else self.root.parent


def of_output(output: Path) -> ServedModels:
    """Returns every model that a run has pushed into an output folder, by name.

    Raises:
        ConfigurationError: there is none.
    """
    root = output.resolve() / "serving"
    folders = sorted(root.iterdir()) if root.is_dir() else []
    configs = tuple(ModelConfig(folder.name, folder) for folder in folders if folder.is_dir() and versions(folder))
    if not configs:
        raise ConfigurationError(
            f"--output {output}: no model in its folder serving; `radflow demo` or `radflow run` pushes one there"
        )
    return ServedModels(configs, root)


def of_folder(folder: Path) -> ServedModels:
    """Returns what a `--model DIR` means: a model with its versions, or the one version that it is.

    Raises:
        ConfigurationError: it is neither.
    """
    path = folder.resolve()
    if (path / "saved_model.pb").is_file():
        if not path.name.isdecimal():
            raise ConfigurationError(f"--model {folder}: a version's folder is a whole number; rename it, e.g. to 1")
        policy = VersionPolicy(specific=frozenset({int(path.name)}))
        return ServedModels((ModelConfig(path.parent.name, path.parent, policy),), _root(path.parent))
    if not path.is_dir() or not version_folders(path):
        raise ConfigurationError(
            f"--model {folder}: no version in it; give OUTPUT/serving/TASK of a run that pushed a model, or one version"
        )
    return ServedModels((ModelConfig(path.name, path),), _root(path))


def _altered(version: Path) -> ModelAltered | None:
    """Returns what is wrong with a version's files; None where they are those that were pushed, or nobody can tell."""
    try:
        check_digests(version)
    except ModelAltered as error:
        return error
    return None


def _root(model: Path) -> Path | None:
    return model.parent if model.parent.name == "serving" else None
