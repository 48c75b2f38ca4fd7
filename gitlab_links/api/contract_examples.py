"""An example for every body of the contract, built from the examples of its fields."""

from typing import Any

Json = dict[str, Any]

_BY_FORMAT = {
    "uuid": "01a2077a-4f08-7063-8e6a-080af5fdcbb5",
    "date-time": "2026-11-23T08:16:25.864038Z",
    "date": "2026-12-24",
}
_BY_TYPE: Json = {"string": "text", "integer": 1, "boolean": True, "null": None}


def add_examples(document: Json) -> None:
    """Add an example to every JSON body of the document that has none."""
    for item in document["paths"].values():
        for operation in (part for name, part in item.items() if name != "parameters"):
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (body.get("content", {}) for body in bodies):
                media = content.get("application/json")
                if media is not None and not media.keys() & {"example", "examples"}:
                    media["example"] = example_of(media["schema"], document)


def example_of(schema: Json, document: Json) -> Any:
    """An example value for the schema."""
    schema = resolved(document, schema)
    if "anyOf" in schema or "allOf" in schema:
        return example_of((schema.get("anyOf") or schema["allOf"])[0], document)
    if schema.keys() & {"example", "enum"}:
        return schema.get("example", schema.get("enum", [None])[0])
    return _example_of_kind(schema, document)


def _example_of_kind(schema: Json, document: Json) -> Any:
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: example_of(inner, document) for name, inner in properties.items()}
    if kind == "array":
        return [example_of(schema["items"], document)]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])


def resolved(document: Json, part: Json) -> Json:
    """What a part of the document is, wherever it refers to."""
    while "$ref" in part:
        target: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part
