"""Hold the images of the repository and of the engine, and the labels that slipway sets on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from slipway.core.errors import PolicyError, SlipwayError, UsageError, one_line, suggestion
from slipway.core.reference import Reference
from slipway.core.rules import Permission

INPUT_LABEL = "slipway.input"
TITLE_LABEL = "org.opencontainers.image.title"
#: The input digest without file modes. It shows whether two images differ only in modes.
MODELESS_LABEL = "slipway.input.modeless"
RUN_LABEL = "slipway.run"
#: Set on an image that was built without cache. Its value is the image's input digest: an image built on it inherits
#: the label, but has another input digest, and so does not count as built without cache.
FRESH_LABEL = "slipway.fresh"
CONTENT_PREFIX = "in-"
#: The forms of a named context that is not a folder.
IMAGE_CONTEXT, TARGET_CONTEXT = "docker-image://", "target:"
_UNNAMED = Reference("", "")


@dataclass(frozen=True)
class Image:
    """Hold one image of the stack: the node for one Dockerfile and target.

    - ``kind``: ``base`` for an image on which others stand or which lies among the bases, else ``service``.
    - ``reference``: the image's full name, with the version tag. ``aliases``: other full names that mean it, such as
      ``image:`` of a compose service.
    - ``dockerfile``, ``context``: posix paths from the repository's root; context "." is the root itself.
    - ``target``: the stage to build; empty for the last one.
    - ``parents``, ``roots``: images of this stack, and external references, as in the FROM lines and in their order.
    - ``links``: a FROM string that BuildKit resolves → the parent's name.
    - ``stages``: the base of each stage: a parent's name, else the stage's FROM.
    - ``args``: build arg → value. ``content``: the ARGs that enter the image; the others only select the base of a
      stage.
    - ``contexts``: named context → its content: a folder from the root, ``docker-image://…``, ``target:…``, or an empty
      string for a folder that slipway gives to every image.
    - ``allow``: the rules of policy that this image may break, from the place that defines it.
    - ``platforms``: the target platforms; empty for those of the repository.
    - ``frontend``: the image that reads the Dockerfile; empty for the engine's own frontend.
    - ``foundation``: the parent or root that the final stage builds on; empty for scratch.

    The build only mounts the other parents, or copies from them.
    """

    name: str
    dockerfile: str
    context: str = "."
    target: str = ""
    kind: str = "service"
    reference: Reference = _UNNAMED
    aliases: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    content: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    contexts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allow: tuple[Permission, ...] = ()
    platforms: tuple[str, ...] = ()
    frontend: str = ""
    foundation: str = ""

    @property
    def given_contexts(self) -> tuple[str, ...]:
        """Return the named contexts that slipway gives to every image."""
        return tuple(name for name, content in self.contexts.items() if not content)

    @property
    def folder_contexts(self) -> Mapping[str, str]:
        """Return the named contexts that are folders of the repository, by name."""
        images = (IMAGE_CONTEXT, TARGET_CONTEXT)
        return {name: content for name, content in self.contexts.items() if content and not content.startswith(images)}


@dataclass(frozen=True)
class Fault:
    """Hold an image that cannot be planned, and the error. ``base``: the image below it that is at fault, if any."""

    image: Image
    error: SlipwayError
    base: str = ""

    def __str__(self) -> str:
        """Return one line for the user."""
        reason = f"it stands on {self.base}" if self.base else self.error.message
        return f"{self.image.name} cannot be planned: {reason}"


@dataclass(frozen=True)
class Stack:
    """Hold the images of the repository, parents before children.

    ``faults``: the images that cannot be planned, and those that stand on them. They are not among ``images``.
    """

    images: tuple[Image, ...]
    faults: Mapping[str, Fault] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def by_name(self) -> Mapping[str, Image]:
        return {image.name: image for image in self.images}

    def __getitem__(self, name: str) -> Image:
        """Return the image ``name``.

        Raises UsageError, with the nearest name, when there is none, and the image's own error when it is at fault.
        """
        self.refuse([name])
        try:
            return self.by_name[name]
        except KeyError:
            names = [image.name for image in self.known]
            hint = suggestion(name, names, f"known: {', '.join(names)}")
            raise UsageError(f"{one_line(name)}: matches no image ({len(names)} known)", hint=hint) from None

    @property
    def known(self) -> tuple[Image, ...]:
        """Return all images, those at fault last."""
        return (*self.images, *(fault.image for fault in self.faults.values()))

    def without(self, errors: Mapping[str, SlipwayError]) -> Stack:
        """Return the stack in which the images of ``errors``, and all that stand on them, are at fault."""
        faults = dict(self.faults)
        for image in self.images:
            base = next((parent for parent in image.parents if parent in faults), "")
            if image.name in errors:
                faults[image.name] = Fault(image, errors[image.name])
            elif base:
                faults[image.name] = Fault(image, faults[base].error, base)
        return Stack(tuple(image for image in self.images if image.name not in faults), faults)

    def refuse(self, names: Collection[str]) -> None:
        """Raise one error with all problems of ``names`` and of the images that they stand on.

        A refusal of policy comes first.
        """
        concerned: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name in self.faults and name not in concerned:
                concerned.add(name)
                ahead += self.faults[name].image.parents
        errors = [fault.error for name, fault in self.faults.items() if name in concerned]
        if errors:
            kind = next((type(error) for error in errors if isinstance(error, PolicyError)), type(errors[0]))
            raise kind.of([problem for error in errors if isinstance(error, kind) for problem in error.problems])

    def below(self, name: str) -> tuple[str, ...]:
        """Return the images below ``name``, lowest first, without those that its build only mounts."""
        image = self[name]
        if image.foundation not in image.parents:
            return ()
        return (*self.below(image.foundation), image.foundation)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class LocalImage:
    """Hold an image of the engine.

    ``size``: bytes of the unpacked layers, 0 if unknown. ``created``: seconds since 1970. ``tags`` and ``digests`` are
    full names. With containerd's image store, ``id`` is the digest of the image's manifest or index, as in a registry.
    With the classic store, ``id`` is the digest of its configuration. A listed image has no ``platform``
    (``linux/amd64``, ``linux/arm64/v8``) and no ``onbuild`` (its ONBUILD triggers). An inspected image has no
    ``created``. With containerd's store, ``platforms`` are those whose content the engine has, and ``elsewhere`` are
    the others of the image. The classic store reports neither.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    created: int = 0
    platform: str = ""
    onbuild: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    @property
    def input_digest(self) -> str:
        return self.labels.get(INPUT_LABEL, "")

    @property
    def built_without_cache(self) -> bool:
        """Tell whether slipway built the image without cache, as another image of the same inputs."""
        return self.labels.get(FRESH_LABEL) == self.input_digest != ""

    @property
    def is_known_by_manifest(self) -> bool:
        """Tell whether ``id`` is the digest of the manifest, as with containerd's store.

        That store gives a digest to every tagged image. Only with the classic store does a digest prove that a
        registry has the image.
        """
        return is_manifest(self.id, self.digests)

    def missing(self, platforms: Collection[str]) -> tuple[str, ...]:
        """Return those of several ``platforms`` whose content the engine does not have.

        The classic store holds one platform of an image. No platform is missing of an image for one.
        """
        return tuple(each for each in platforms if each not in self.platforms) if len(platforms) > 1 else ()

    def is_own(self, name: str) -> bool:
        """Tell whether slipway built the image as ``name``.

        An image that another program built inherits its parent's labels, but its title label then names the parent.
        """
        return bool(self.input_digest) and self.labels.get(TITLE_LABEL) == name


def is_manifest(image: str, digests: Iterable[str]) -> bool:
    """Tell whether an image's id is among its digests in registries, so that it names a manifest."""
    return any(digest.partition("@")[2] == image for digest in digests)


def content_tag(input_digest: str) -> str:
    """Return the tag of an input digest: ``in-`` and its first 12 hexadecimal digits."""
    return f"{CONTENT_PREFIX}{input_digest.removeprefix('sha256:')[:12]}"
