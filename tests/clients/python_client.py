"""Speaks to Holdfast as a client that knows no proto file: messages are built from reflection.

Usage: python_client.py HOST:PORT
"""

import datetime
import sys

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

CALL_SECONDS = 10


class Client:
    """Calls any method by its name, with requests and answers as messages."""

    def __init__(self, channel):
        self.channel = channel
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, service, method, **fields):
        descriptor = self.pool.FindServiceByName(f"holdfast.v1.{service}").FindMethodByName(method)
        request = message_factory.GetMessageClass(descriptor.input_type)
        response = message_factory.GetMessageClass(descriptor.output_type)
        path = f"/holdfast.v1.{service}/{method}"
        kind = self.channel.unary_stream if descriptor.server_streaming else self.channel.unary_unary
        invoke = kind(
            path,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        answer = invoke(request(**fields), timeout=CALL_SECONDS)
        return list(answer) if descriptor.server_streaming else answer

    def refused(self, service, method, **fields):
        """The code and the details of a refusal, by message type."""
        try:
            answer = self.call(service, method, **fields)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata())
            status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
            assert status.code == error.code().value[0], status
            return error.code(), details_of(status)
        raise AssertionError(f"{method} was accepted: {answer}")


def details_of(status):
    known = [error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.PreconditionFailure]
    details = {}
    for packed in status.details:
        for message in known:
            if packed.Is(message.DESCRIPTOR):
                details[message.DESCRIPTOR.name] = message.FromString(packed.value)
    return details


def state_name(order):
    return order.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[order.state].name


def set_up(client):
    location = {"location_id": "ghent", "time_zone": "Europe/Brussels"}
    put = client.call("CatalogService", "PutLocation", location=location)
    assert put.location.active and not put.replayed, put
    assert client.call("CatalogService", "PutLocation", location=location).replayed
    for sku, lead_time in [("lantern", None), ("tent", 30)]:
        item = {"sku": sku}
        if lead_time is not None:
            item["lead_time_days"] = lead_time
        assert client.call("CatalogService", "PutItem", item=item).item.backorderable
    receipt = client.call(
        "WarehouseService", "ReceiveStock",
        location_id="ghent", receipt_id="r1", lines=[{"sku": "lantern", "quantity": 2}],
    )
    assert receipt.lines[0].available == 2, receipt


def order_and_ship(client):
    lines = [{"sku": "lantern", "quantity": 1}, {"sku": "tent", "quantity": 2}]
    quote = client.call("CheckoutService", "Quote", location_id="ghent", lines=lines).quote
    assert quote.ships_together and quote.in_stock_lines_ship_date.year, quote
    priced = [dict(line, price={"currency_code": "EUR", "units": 50}) for line in lines]
    request = {"order_id": "o1", "location_id": "ghent", "lines": priced}
    order = client.call("CheckoutService", "Reserve", **request).order
    assert state_name(order) == "ORDER_STATE_WAITING", order
    assert order.promised_ship_date == quote.promised_ship_date, (order, quote)
    assert [line.allocated_quantity for line in order.lines] == [1, 0], order
    assert order.total.units == 100, order
    assert client.call("CheckoutService", "Reserve", **request).replayed
    receipt = client.call(
        "WarehouseService", "ReceiveStock",
        location_id="ghent", receipt_id="r2", lines=[{"sku": "tent", "quantity": 2}],
    )
    assert list(receipt.released_order_ids) == ["o1"], receipt
    parcels = [{"carrier": "bpost", "tracking_number": "1"}]
    shipped = client.call("WarehouseService", "ConfirmShipment", order_id="o1", parcels=parcels)
    assert state_name(shipped.order) == "ORDER_STATE_SHIPPED", shipped
    order = client.call("CheckoutService", "GetOrder", order_id="o1").order
    assert order.promised_ship_date == quote.promised_ship_date, order
    placed = order.placed_time.ToDatetime(tzinfo=datetime.timezone.utc)
    age = datetime.datetime.now(datetime.timezone.utc) - placed
    assert abs(age) < datetime.timedelta(minutes=5), order


def be_refused(client):
    code, details = client.refused("CheckoutService", "GetOrder", order_id="nowhere")
    assert code == grpc.StatusCode.NOT_FOUND
    info = details["ErrorInfo"]
    assert (info.domain, info.reason) == ("holdfast", "UNKNOWN_ORDER"), info
    assert "nowhere" in info.metadata.values(), info

    code, details = client.refused("CheckoutService", "Reserve", order_id="o2", location_id="ghent")
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details["ErrorInfo"].reason == "INVALID_FIELD", details
    assert [bad.field for bad in details["BadRequest"].field_violations] == ["lines"], details

    lines = [{"sku": "lantern", "quantity": 5}]
    request = {"order_id": "o2", "location_id": "ghent", "lines": lines}
    code, details = client.refused("CheckoutService", "Reserve", **request)
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert details["ErrorInfo"].reason == "NO_SUPPLY_DATE", details
    assert len(details["PreconditionFailure"].violations) == 1, details

    code, details = client.refused("CheckoutService", "CancelOrder", order_id="o1")
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert details["ErrorInfo"].reason == "ORDER_SHIPPED", details


def check_books(client):
    reports = client.call("OperationsService", "CheckInvariants")
    assert reports, "no invariant was checked"
    assert all(report.violations == 0 for report in reports), reports


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        check = health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS, wait_for_ready=True)
        assert check.status == health_pb2.HealthCheckResponse.SERVING, check
        client = Client(channel)
        set_up(client)
        order_and_ship(client)
        be_refused(client)
        check_books(client)


main()
