"""Calls the health service of a target each time that a line comes on standard input.

Its only argument is the target; where its configuration comes from, gRPC reads in
GRPC_XDS_BOOTSTRAP. Each call is answered with a line of JSON: the backend that
answered, by what it says of itself, or the error. It ends with its input.
"""

import json
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT = 5  # seconds


def call(stub):
    request = health_pb2.HealthCheckRequest()
    try:
        _, info = stub.Check.with_call(request, timeout=TIMEOUT, wait_for_ready=True)
    except grpc.RpcError as error:
        return {"error": f"{error.code().name}: {error.details()}"}
    return {"backend": dict(info.initial_metadata()).get("backend")}


def main(target):
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in sys.stdin:
            print(json.dumps(call(stub)), flush=True)


main(sys.argv[1])
