"""Calls Holdfast without generated code: messages are built from reflection."""

import random
import time

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

# After these a call may have had an effect: it is repeated with the same id.
REPEAT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Holdfast:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def method(self, service, name):
        found = self.pool.FindServiceByName(f"holdfast.v1.{service}").FindMethodByName(name)
        request = message_factory.GetMessageClass(found.input_type)
        response = message_factory.GetMessageClass(found.output_type)
        kind = self.channel.unary_stream if found.server_streaming else self.channel.unary_unary
        invoke = kind(
            f"/holdfast.v1.{service}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return request, invoke

    def call(self, service, name, **fields):
        """One call with a deadline, repeated as it is until it is answered."""
        request, invoke = self.method(service, name)
        wait = 0.1
        for attempt in range(8):
            try:
                return invoke(request(**fields), timeout=2)
            except grpc.RpcError as error:
                if error.code() not in REPEAT or attempt == 7:
                    raise
            time.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 2, 5)

    def watch(self, service, name, **fields):
        request, invoke = self.method(service, name)
        return invoke(request(**fields))


def reason(error):
    """The `reason` of an error, by which a program tells one no from another."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    for packed in status.details:
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            return error_details_pb2.ErrorInfo.FromString(packed.value).reason
    return ""
