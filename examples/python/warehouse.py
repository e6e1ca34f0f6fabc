"""Follows releases. Usage: warehouse.py HOST:PORT LOCATION TOKEN_FILE"""

import pathlib
import random
import sys
import time

import grpc
from holdfast import REPEAT, Holdfast, reason

address, location, token_file = sys.argv[1:]
warehouse = Holdfast(address)
kept = pathlib.Path(token_file)


def deal_with(message):
    """Must be safe to do twice: a cut may come before the token is kept."""
    kind = message.WhichOneof("item")
    if kind == "release":
        lines = ", ".join(f"{line.quantity} x {line.sku}" for line in message.release.lines)
        print(f"ship {message.release.order_id}: {lines}", flush=True)
        try:
            warehouse.call("WarehouseService", "AcknowledgeRelease", order_id=message.release.order_id)
        except grpc.RpcError as error:
            # It was cancelled just now: its revocation follows.
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
    elif kind == "revocation":
        print(f"stop {message.revocation.order_id}", flush=True)


wait = 0.1
while True:
    token = kept.read_text() if kept.exists() else ""
    try:
        stream = warehouse.watch("WarehouseService", "WatchReleases", location_id=location, resume_token=token)
        for message in stream:
            deal_with(message)
            kept.write_text(message.resume_token)
            wait = 0.1
    except grpc.RpcError as error:
        why = reason(error)
        if why == "STREAM_ENDED":
            continue
        if why in ("RESUME_TOKEN_EXPIRED", "RESUME_TOKEN_INVALID"):
            # What is open is told anew. What was told before and is not told now is to be stopped.
            kept.unlink(missing_ok=True)
        elif error.code() not in REPEAT and error.code() != grpc.StatusCode.UNKNOWN:
            sys.exit(f"{error.code().name}: {error.details()}")
    time.sleep(wait * random.uniform(0.5, 1.5))
    wait = min(wait * 2, 5)
