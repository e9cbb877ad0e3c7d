"""Write the OpenAPI document of the endpoints, from the schemas they use."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Dict, Iterable, List

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from tracebin import __version__
from tracebin.server.endpoints import Endpoint
from tracebin.server.problems import PROBLEM_TYPE
from tracebin.server.schemas import RefusalSchema, schema_of

_PART = re.compile(r"<(?:(int):)?([a-z_]+)>")


def document(endpoints: Iterable[Endpoint], prefix: str) -> Dict[str, Any]:
    """Describe ``endpoints``, which lie below ``prefix``."""
    spec = APISpec(
        title="tracebin",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        info={"description": "Store recordings of PyPy programs and answer questions about them."},
        servers=[{"url": prefix}],
    )
    spec.components.security_scheme("delete_token", {"type": "http", "scheme": "bearer"})
    for endpoint in endpoints:
        path = _PART.sub(r"{\2}", endpoint.rule)
        spec.path(path=path, operations={endpoint.method.lower(): _operation(endpoint)})
    described: Dict[str, Any] = spec.to_dict()
    return described


def _name(schema: Any) -> str:
    named = schema if isinstance(schema, type) else type(schema)
    return named.__name__.removesuffix("Schema")


def _operation(endpoint: Endpoint) -> Dict[str, Any]:
    operation: Dict[str, Any] = {
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): _success(endpoint), **_refusals(endpoint)},
    }
    if endpoint.takes_bundle:
        operation["requestBody"] = {
            "required": True,
            "description": "The bundle, as it is or with Content-Encoding gzip or zstd.",
            "content": {"application/json": {}, "application/octet-stream": {}},
        }
    if endpoint.takes_token:
        operation["security"] = [{"delete_token": []}]
    return operation


def _parameters(endpoint: Endpoint) -> List[Any]:
    parameters: List[Any] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "integer" if kind else "string"},
        }
        for kind, name in _PART.findall(endpoint.rule)
    ]
    if endpoint.query is not None:
        parameters.append({"in": "query", "schema": endpoint.query})
    return parameters


def _success(endpoint: Endpoint) -> Dict[str, Any]:
    response: Dict[str, Any] = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.answer is not None:
        response["content"] = {endpoint.media: {"schema": schema_of(endpoint.answer)}}
    elif endpoint.status != HTTPStatus.NO_CONTENT:
        response["content"] = {endpoint.media: {}}
    return response


def _refusals(endpoint: Endpoint) -> Dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": RefusalSchema}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in endpoint.refusals
    }
