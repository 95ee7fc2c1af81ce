"""What the embedded server does otherwise than TensorFlow Serving, on purpose."""

from __future__ import annotations

import socket

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

pytestmark = pytest.mark.usefixtures("embedded_only")


@pytest.mark.parametrize("service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"])
def test_the_health_service_is_on(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    response = stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_the_health_service_knows_no_other_service(channel, status_of):
    stub = health_pb2_grpc.HealthStub(channel)
    code, _ = status_of(stub.Check, health_pb2.HealthCheckRequest(service="other"))
    assert code is grpc.StatusCode.NOT_FOUND


def test_it_listens_on_this_machine_alone(addresses):
    port = int(addresses.grpc.rpartition(":")[2])
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", port))  # taken where a server listens on every address
