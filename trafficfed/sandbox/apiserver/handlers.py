"""One HTTP request to one emulated cluster: from aiohttp's request to its answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import yaml
from aiohttp import web

from trafficfed.sandbox.apiserver import discovery, failures, patching, protobuf
from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target, Written
from trafficfed.sandbox.apiserver.faults import Faults
from trafficfed.sandbox.apiserver.formats import Format, negotiate
from trafficfed.sandbox.apiserver.kinds import SERVICE, Json
from trafficfed.sandbox.apiserver.lists import encode_list, read_page
from trafficfed.sandbox.apiserver.routing import ListQuery, parse_intent, parse_list, parse_target
from trafficfed.sandbox.apiserver.watching import Cut, Watch

BODY_TYPES = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PROBES = ("/healthz", "/livez", "/readyz")
Answer = Awaitable[web.StreamResponse]


class Handler:
    """Answers requests below one cluster's prefix."""

    def __init__(self, cluster: Cluster, faults: Faults, prefix: str) -> None:
        self.cluster = cluster
        self.faults = faults
        self._prefix = prefix

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        """Every refusal becomes a Status body; anything else that goes wrong is a defect and a 500 by aiohttp."""
        await self.faults.delay()
        if self.faults.refuse:
            return _broken(request)
        try:
            if refusal := self.faults.take(request.method, path):
                raise refusal
            return await self._route(request, path)
        except failures.ApiFailure as failure:
            return refuse(failure)

    async def _route(self, request: web.Request, path: str) -> web.StreamResponse:
        parts = path.strip("/").split("/")
        if path in PROBES:
            return web.Response(text="ok")
        if (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > 3):
            return await self._serve_objects(request, parse_target(path, self.cluster.kinds))
        if request.method != "GET":
            raise failures.method_not_allowed()
        return self._discover(request, parts)

    def _discover(self, request: web.Request, parts: list[str]) -> web.Response:
        kinds = self.cluster.kinds
        try:
            match parts:
                case ["version"]:
                    return _json(discovery.VERSION)
                case ["api"]:
                    return _json(discovery.api_versions())
                case ["apis"]:
                    return _json(discovery.api_groups(kinds))
                case ["api", version]:
                    return _json(discovery.api_resources("", version, kinds))
                case ["apis", group]:
                    return _json(discovery.api_group(group, kinds))
                case ["apis", group, version]:
                    return _json(discovery.api_resources(group, version, kinds))
                case ["openapi", "v3"]:
                    return _json(discovery.openapi_index(self._prefix, kinds))
                case ["openapi", "v3", "api", version]:
                    return _raw(discovery.openapi_document("", version, self.cluster.schemas, kinds))
                case ["openapi", "v3", "apis", group, version]:
                    return _raw(discovery.openapi_document(group, version, self.cluster.schemas, kinds))
        except LookupError:
            pass
        return web.Response(status=404, text="404 page not found\n")

    async def _serve_objects(self, request: web.Request, target: Target) -> web.StreamResponse:
        form = negotiate(request.headers.get("Accept", ""), request.query.get("includeObject", ""))
        if request.method == "GET":
            return await self._read(request, target, form)
        intent = parse_intent(request.query, request.headers.get("User-Agent", ""))
        methods: Mapping[str, Callable[[web.Request, Target, Intent, Format], Answer]] = {
            "POST": self._create,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        if target.kind.read_only or request.method not in methods:
            raise failures.method_not_allowed()
        return await methods[request.method](request, target, intent, form)

    async def _read(self, request: web.Request, target: Target, form: Format) -> web.StreamResponse:
        if target.name:
            return _raw(form.one(target.kind, self.cluster.get(target), self.cluster.clock.now_s()))
        query = parse_list(request.query)
        if query.watch:
            return await self._watch(request, target, query, form)
        page = read_page(self.cluster, target, query)
        if form.form == "whole":
            return _raw(encode_list(target, page))
        values = map(orjson.loads, page.items)
        return _raw(form.many(target.kind, values, self.cluster.clock.now_s(), dict(page.metadata)))

    async def _watch(self, request: web.Request, target: Target, query: ListQuery, form: Format) -> web.StreamResponse:
        if query.initial_events is not None and not self.faults.watch_lists:
            message = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            cause = failures.Cause("FieldValueForbidden", f"Forbidden: {message}", "sendInitialEvents")
            raise failures.invalid_options("ListOptions", cause)
        watch = Watch(self.cluster, self.faults, target, query, form)
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        await response.prepare(request)
        try:
            async for chunk in watch.events():
                await response.write(chunk)
        except Cut:
            return _broken(request)
        except ConnectionResetError:  # The client has gone; nobody is left to be told.
            return response
        await response.write_eof()
        return response

    async def _create(self, request: web.Request, target: Target, intent: Intent, form: Format) -> web.StreamResponse:
        if target.name:
            raise failures.method_not_allowed()
        written = self.cluster.create(target, await _body(request), intent)
        return self._written(target, written, form)

    async def _replace(self, request: web.Request, target: Target, intent: Intent, form: Format) -> web.StreamResponse:
        if not target.name:
            raise failures.method_not_allowed()
        return self._written(target, self.cluster.replace(target, await _body(request), intent), form)

    async def _patch(self, request: web.Request, target: Target, intent: Intent, form: Format) -> web.StreamResponse:
        if not target.name:
            raise failures.method_not_allowed()
        patch = _parse(await request.read(), request.content_type)
        if request.content_type == APPLY_PATCH:
            if "fieldManager" not in request.query:
                cause = failures.Cause(
                    "FieldValueRequired", "Required value: is required for apply patch", "fieldManager"
                )
                raise failures.invalid_options("PatchOptions", cause)
            return self._written(target, self.cluster.apply(target, patch, intent), form)
        if target.kind.definition is not None and request.content_type == STRATEGIC_PATCH:
            raise failures.unsupported_media_type((JSON_PATCH, MERGE_PATCH, APPLY_PATCH))
        schema = self.cluster.schemas.of(target.kind)
        changes: Mapping[str, Callable[[Json], Any]] = {
            JSON_PATCH: lambda value: patching.json_patch(value, patch),
            MERGE_PATCH: lambda value: patching.merge_patch(value, patch),
            STRATEGIC_PATCH: lambda value: patching.strategic_merge(schema, value, patch),
        }
        if request.content_type not in changes:
            raise failures.unsupported_media_type((*changes, APPLY_PATCH))
        return self._written(target, self.cluster.modify(target, changes[request.content_type], intent), form)

    async def _delete(self, request: web.Request, target: Target, intent: Intent, form: Format) -> web.StreamResponse:
        options = await _body(request) if request.can_read_body else {}
        if not isinstance(options, dict):
            raise failures.bad_request("the body of a deletion is an object of kind DeleteOptions")
        if "propagationPolicy" in request.query:
            options |= {"propagationPolicy": request.query["propagationPolicy"]}
        if options.get("dryRun"):
            intent = Intent(manager=intent.manager, dry_run=True)
        if target.name:
            gone = self.cluster.delete(target, options, intent)
            if target.kind is SERVICE or "deletionTimestamp" in gone["metadata"]:
                return _raw(form.one(target.kind, gone, self.cluster.clock.now_s()))
            return _json(failures.deleted(target.kind, gone))
        if "deletecollection" not in target.kind.verbs or (target.kind.namespaced and not target.namespace):
            raise failures.method_not_allowed()
        page = read_page(self.cluster, target, parse_list(request.query))
        for raw in page.items:
            name = orjson.loads(raw)["metadata"]["name"]
            one = Target(kind=target.kind, namespace=target.namespace, name=name)
            self.cluster.delete(one, options, intent)
        return _raw(encode_list(target, page))

    def _written(self, target: Target, written: Written, form: Format) -> web.Response:
        response = _raw(form.one(target.kind, written.value, self.cluster.clock.now_s()))
        response.set_status(201 if written.created else 200)
        for warning in written.warnings:
            quoted = warning.replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{quoted}"')
        return response


def refuse(failure: failures.ApiFailure) -> web.Response:
    """The answer that tells of a failure."""
    headers = {"Retry-After": str(failure.retry_after_s)} if failure.retry_after_s else None
    return web.Response(
        body=orjson.dumps(failure.status()), status=failure.code, content_type="application/json", headers=headers
    )


def _broken(request: web.Request) -> web.StreamResponse:
    """End the connection in the middle; the response is only aiohttp's due and reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _body(request: web.Request) -> Any:
    content = await request.read()
    return _parse(content, request.content_type) if content else {}


def _parse(content: bytes, media_type: str) -> Any:
    """The body as plain values. Raises ApiFailure 415 for a type that is not served, 400 for content it cannot read."""
    try:
        if media_type == protobuf.MEDIA_TYPE:
            return protobuf.read(content)
        if media_type in ("application/yaml", APPLY_PATCH):
            # JSON is YAML too, but a real parser of it is two orders faster and as strict as the API server's.
            return orjson.loads(content) if content[:1] == b"{" else yaml.safe_load(content)
        if media_type in ("application/json", JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
            return orjson.loads(content)
    except (orjson.JSONDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise failures.bad_request(f"the object provided is unrecognized: {error}") from error
    raise failures.unsupported_media_type(BODY_TYPES)


def _json(value: Json) -> web.Response:
    return _raw(orjson.dumps(value))


def _raw(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
