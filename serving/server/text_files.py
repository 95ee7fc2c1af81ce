"""The server's small configuration files: protobuf text format, as tensorflow_model_server reads it.

tensorflow-serving-api ships ModelServerConfig only. The other messages are described here, with TensorFlow Serving's
field names and numbers (session_bundle_config.proto, monitoring_config.proto, ssl_config.proto), under a package name
of their own, so that a process that has both does not define a message twice.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,  # its descriptor must be known before the messages that use it
)

from data_schemas.errors import ConfigurationError

_PACKAGE = "radflow.server"
_WRAPPERS = wrappers_pb2.DESCRIPTOR.package
_Field = descriptor_pb2.FieldDescriptorProto

# Field name -> number, and the type: a wrapper's name, a scalar's, or a message of this file. `*` is repeated.
_MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "thread_pool_name": (5, "StringValue"),
        "allowed_batch_sizes": (6, "*int64"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, "BoolValue"),
        "max_execution_batch_size": (9, "Int64Value"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
}
_SCALARS = {"int64": _Field.TYPE_INT64, "bool": _Field.TYPE_BOOL, "string": _Field.TYPE_STRING}


def parse_text(path: Path, message: Any, *, flag: str) -> Any:
    """Returns `message`, filled from a file in protobuf text format.

    Args:
        path: the file.
        message: an empty message of the type that the file must hold.
        flag: the flag that named the file, for the error's text.

    Raises:
        ConfigurationError: the file cannot be read, or holds another message.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), message)
    except OSError as error:
        raise ConfigurationError(f"{flag} {path}: {error.strerror}; give a file that can be read") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        kind = message.DESCRIPTOR.name
        article = "an" if kind.startswith("SSL") else "a"
        raise ConfigurationError(f"{flag} {path}: {error}; it must be {article} {kind} as text") from error


def new_message(name: str) -> Any:
    """Returns an empty message: BatchingParameters, MonitoringConfig or SSLConfig."""
    return _classes()[name]()


@cache
def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="radflow_server_text_files.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
        message_type=[_descriptor(name, fields) for name, fields in _MESSAGES.items()],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    # Protobuf 5 has only the first, protobuf 3.20 only the second; either's types know one of them.
    factory: Any = message_factory
    make = getattr(factory, "GetMessageClass", None) or factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES}


def _descriptor(name: str, fields: dict[str, tuple[int, str]]) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name=name)
    for field, (number, kind) in fields.items():
        single = kind.lstrip("*")
        label = _Field.LABEL_OPTIONAL if single == kind else _Field.LABEL_REPEATED
        entry = message.field.add(name=field, number=number, label=label)
        if single in _SCALARS:
            entry.type = _SCALARS[single]
        else:
            entry.type = _Field.TYPE_MESSAGE
            entry.type_name = f".{_WRAPPERS if single.endswith('Value') else _PACKAGE}.{single}"
    return message
