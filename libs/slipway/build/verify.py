"""Compare the images that a bake made with the plan, and untag every image that must not be kept.

An image that buildx reports as built counts only once the engine confirms it. Its labels, tags and platform must be as
planned, and its inputs must not have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from slipway.build.progress import Failure
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage
from slipway.core.platform import Platform
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan.decide import Step
from slipway.secrets.names import SECRETS_CHECK

_QUESTIONS = 8

#: Reference → the image that it names in the engine now.
InspectedImages = Mapping[str, LocalImage]
#: Image names → those whose inputs changed after the plan was made, each with the change.
ChangedInputs = Callable[[Sequence[str]], Mapping[str, str]]


def inspect_images(engine: Engine, references: Sequence[str]) -> dict[str, LocalImage]:
    """Return the engine's image for each reference that the engine has.

    slipway inspects the references one by one. A list would contain every image that the engine ever built.
    """
    found = map_concurrently(engine.inspect, references, at_once=_QUESTIONS)
    return {reference: image for reference, image in zip(references, found, strict=True) if image}


def is_made(step: Step, reported: Collection[str], found: InspectedImages) -> bool:
    """Tell whether the step's image was built. ``reported``: the images that buildx exported.

    buildx may lose its connection after the engine received the image. So an image in the engine with the planned
    input digest counts as built, too. It proves nothing for a build without cache, because the engine may have had it
    before.
    """
    image = found.get(str(step.content))
    return step.image in reported or bool(not step.no_cache and image and image.input_digest == step.input_digest)


def rejections(
    made: Sequence[Step],
    found: InspectedImages,
    platforms: Mapping[str, Sequence[str]],
    changed: ChangedInputs,
    warnings: Mapping[str, Sequence[str]],
    *,
    strict: bool,
) -> dict[str, Failure]:
    """Return the built images that must not be kept, each with the reason.

    slipway rejects an image that is not as planned, and an image whose inputs changed during the build. It also
    rejects an image for BuildKit's warnings about secrets, and with ``strict`` for any warning.

    ``platforms``: image → its target platforms.
    """
    told = {step.image: mismatch(step, found.get(str(step.content)), platforms[step.image]) for step in made}
    causes = {name: what for name, what in told.items() if what}
    others = [step.image for step in made if step.image not in causes]
    causes |= {name: f"{what} while it was built" for name, what in changed(others).items()}
    for step in made:
        warned = [text for text in warnings.get(step.image, ()) if strict or text.startswith(SECRETS_CHECK)]
        if warned and step.image not in causes:
            causes[step.image] = warned[0] + (f" (+{len(warned) - 1} more)" if len(warned) > 1 else "")
    return {name: Failure("", cause, final=True) for name, cause in causes.items()}


def mismatch(step: Step, image: LocalImage | None, platforms: Sequence[str]) -> str:
    """Describe how ``image`` differs from the plan; return an empty string when it does not differ.

    ``image`` is the image that the content tag names now. Its platform must be one of ``platforms`` (``linux/amd64``
    accepts ``linux/amd64/v2``). An index must have all of them.
    """
    if image is None:
        return f"built, but {step.content.tag} is not in the engine"
    for label, planned in ((INPUT_LABEL, step.input_digest), (TITLE_LABEL, step.image)):
        if (found := image.labels.get(label, "missing")) != planned:
            return f"built, but its label {label} is {found}, not {planned}"
    if str(step.reference) not in image.tags:
        return f"built, but {step.reference.tag} stands for another image"
    if image.platforms and (missing := image.missing(platforms)):
        return f"built, but not for {', '.join(missing)}"
    kind = Platform.read(image.platform)
    if not any(f"{kind}/".startswith(f"{one}/") for one in platforms):
        return f"built, but its platform is {image.platform}, not {' or '.join(platforms)}"
    return ""


def untag(steps: Collection[Step], found: InspectedImages, engine: Engine) -> None:
    """Remove the tags of images that must not be kept. A tag that now names another image stays."""
    for step in steps:
        image = found.get(str(step.content))
        for reference in step.tags:
            if image and str(reference) in image.tags:
                engine.untag(reference)
