"""The bytes that go with images whose layers are shared."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from slipway.clean.layers import Chain, freed, layer_sizes
from tests.properties.examples import examples


def history(*entries: tuple[int, str]) -> list[dict[str, Any]]:
    """Return the engine's history, newest first, of entries from the lowest."""
    return [{"Size": size, "CreatedBy": by} for size, by in reversed(entries)]


def test_layers_without_bytes_have_their_place() -> None:
    told = history(
        (100, "/bin/sh -c #(nop) ADD file:1 in / "),
        (0, '/bin/sh -c #(nop)  CMD ["sh"]'),
        (0, "RUN /bin/sh -c true # buildkit"),
        (0, "ENV RUN=yes"),
        (50, "COPY a.txt / # buildkit"),
        (0, "LABEL slipway.input=sha256:1"),
    )
    assert layer_sizes(told, 3) == (100, 0, 50)


def test_every_entry_with_bytes_is_a_layer() -> None:
    told = history((100, "imported"), (0, "WORKDIR /app"), (50, "RUN make"))
    assert layer_sizes(told, 2) == (100, 50)


def test_a_history_that_does_not_add_up_gives_too_few_bytes_rather_than_too_many() -> None:
    told = history((100, "COPY"), (0, "WORKDIR /app"), (0, "WORKDIR /app"), (50, "RUN make"))
    assert layer_sizes(told, 3) == (100, 50, 0)
    assert layer_sizes((), 2) == (0, 0)


def test_a_layer_that_stays_or_went_before_is_not_counted() -> None:
    base, one, two = ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")
    assert freed([Chain(one, (1, 10, 100)), Chain(two, (1, 10, 100, 1000))], [base]) == [100, 1000]
    assert freed([Chain(one, (1, 10, 100)), Chain(two, (1, 10, 100, 1000))], []) == [111, 1000]


def test_equal_layers_on_different_layers_are_not_shared() -> None:
    assert freed([Chain(("x", "c"), (1, 10))], [("y", "c")]) == [11]


_CHAINS = st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(tuple), max_size=6)


@given(_CHAINS, _CHAINS)
@examples(200)
def test_the_bytes_are_those_of_all_layers_before_without_those_after(going: list[Any], staying: list[Any]) -> None:
    def places(chains: list[Any]) -> set[Any]:
        return {tuple(chain[:height]) for chain in chains for height in range(1, len(chain) + 1)}

    def weight(place: Any) -> int:
        return 1 + hash(place) % 1000

    chains = [Chain(layers, tuple(weight(layers[:height]) for height in range(1, len(layers) + 1))) for layers in going]
    lost = places([*going, *staying]) - places(staying)
    assert sum(freed(chains, staying)) == sum(map(weight, lost))
