"""Image references: their parts, and containers whose image an override replaces."""

from typing import Any, NamedTuple

from trafficfed.errors import ConfigError
from trafficfed.propagation.policy import ImageOverride

Json = dict[str, Any]


class Image(NamedTuple):
    """registry/repository:tag@digest; all but the repository may be empty."""

    registry: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}" if self.registry else self.repository
        return f"{name}{':' + self.tag if self.tag else ''}{'@' + self.digest if self.digest else ''}"


def parse_image(text: str) -> Image:
    """The first part is a registry where it looks like a host: a dot, a port, or localhost (distribution reference
    grammar as container runtimes read it).

    >>> parse_image("registry.example.org:5000/shop/web:1.2")
    Image(registry='registry.example.org:5000', repository='shop/web', tag='1.2', digest='')
    >>> str(parse_image("web"))
    'web'
    """
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    registry = head if slash and ("." in head or ":" in head or head == "localhost") else ""
    path = rest if registry else name
    repository, _, tag = path.partition(":")
    return Image(registry, repository, tag, digest)


def replaced(image: Image, override: ImageOverride) -> Image:
    """A new tag without a digest drops the old digest, which would win over it."""
    digest = override.digest or ("" if override.tag else image.digest)
    return Image(
        override.registry or image.registry,
        override.repository or image.repository,
        override.tag or image.tag,
        digest,
    )


def with_images(pod: Json, override: ImageOverride) -> Json:
    """A Pod spec with the image of one container, or of all, replaced. Raises ConfigError where there is none such."""
    found = False
    changed = dict(pod)
    for field in ("initContainers", "containers"):
        if field not in pod:
            continue
        changed[field] = []
        for container in pod[field]:
            wanted = override.container in ("", container.get("name"))
            found |= wanted
            image = str(replaced(parse_image(container.get("image", "")), override))
            changed[field].append({**container, "image": image} if wanted else container)
    if not found:
        raise ConfigError(f"no container {override.container!r} is there" if override.container else "no container")
    return changed
