"""How a client wants its answer: whole objects, their metadata only, or a table for people."""

from collections.abc import Iterable

import orjson

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import columns, failures
from trafficfed.sandbox.apiserver.kinds import Json, Kind

FORMS = {"": "whole", "table": "table", "partialobjectmetadata": "partial", "partialobjectmetadatalist": "partial"}


class Format(Value, frozen=True):
    """``form`` is whole, partial or table; ``include`` how much of an object a table row carries."""

    form: str = "whole"
    include: str = "Metadata"

    def one(self, kind: Kind, value: Json, now_s: float) -> bytes:
        """One object in this format."""
        if self.form == "table":
            metadata = {"resourceVersion": value["metadata"].get("resourceVersion", "")}
            return orjson.dumps(columns.table(kind, [value], now_s, self.include, metadata))
        return orjson.dumps(columns.partial(value) if self.form == "partial" else value)

    def many(self, kind: Kind, values: Iterable[Json], now_s: float, metadata: Json) -> bytes:
        """A list in this format, which is not ``whole``."""
        if self.form == "table":
            return orjson.dumps(columns.table(kind, values, now_s, self.include, metadata))
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return orjson.dumps(head | {"items": [columns.partial(value) for value in values]})


def negotiate(accept: str, include: str = "") -> Format:
    """The first format of an Accept header that is served. Raises ApiFailure 406 where there is none.

    >>> negotiate("application/vnd.kubernetes.protobuf,application/json;as=Table;v=v1;g=meta.k8s.io").form
    'table'
    >>> negotiate("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json").form
    'whole'
    """
    for offer in (accept or "*/*").lower().split(","):
        media_type, *rest = (part.strip() for part in offer.split(";"))
        parameters = dict(part.split("=", 1) for part in rest if "=" in part)
        form = FORMS.get(parameters.get("as", ""))
        if form and media_type in ("application/json", "application/*", "*/*"):
            return Format(form, include or "Metadata")
    raise failures.not_acceptable()
