"""Judge by its name and value whether a variable holds a secret.

BuildKit's check SecretsUsedInArgOrEnv looks for words in the name alone. Many names hold such a word and mean
something else (``KMS_KEY_ALIAS``, ``SORT_KEY``, ``AUTH_URL``), and some values are not secrets under any name.
"""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: BuildKit's name for its check, and the words of it.
SECRETS_CHECK = "SecretsUsedInArgOrEnv"
_SECRET = _set("apikey auth credential credentials key password passwd pword secret token")
#: As the last word: the variable describes a secret, or names its place.
_ABOUT = _set(
    """
    alg algo algorithm alias arn audience backend class client column count db database dir directory domain enabled
    endpoint exp expire expires expiry field file filename fingerprint folder format header host hostname id issuer
    length level lifetime limit location max method min mode name path plugin policy port prefix provider realm region
    required scope scopes server service size strategy suffix timeout ttl type uri url user username version
    """
)
#: As the first word: a switch.
_SWITCHES = _set("allow disable enable has is no require requires skip use with without")
#: Before ``key``: the key identifies a record, or is public.
_KINDS_OF_KEY = _set(
    """
    cache composite dedup foreign group idempotency index join lookup natural order partition primary range routing row
    shard sort sorting surrogate unique
    """
)
_PRIVATE = _set("access account api auth encryption master private secret")
_SWITCH_VALUES = _set("0 1 true false yes no on off enabled disabled none null")
_FINGERPRINT = re.compile(r"(?:0[xX])?(?:[0-9A-F]{40}|[0-9A-F]{64})(?:[ ,]+(?:0[xX])?(?:[0-9A-F]{40}|[0-9A-F]{64}))*")
_SPACED_FINGERPRINT = re.compile(r"(?:[0-9A-F]{4} +){9}[0-9A-F]{4}")
_KEY_ID = re.compile(r"(?:0[xX])?(?:[0-9A-F]{8}|[0-9A-F]{16})")
_MOUNTED = re.compile(r"/(?:app|certs|etc|home|keys|mnt|opt|root|run|secrets|srv|tmp|usr|var)(?:/[\w.@-]+)+/?")


def matches_check(name: str) -> bool:
    """Tell whether BuildKit's check applies to this name."""
    return not _SECRET.isdisjoint(_words(name))


def names_secret(name: str) -> bool:
    """Tell whether ``name`` names a secret."""
    words = _words(name)
    found = [word for word in words if word in _SECRET]
    if not found or "public" in words or words[-1] in _ABOUT or (len(words) > 1 and words[0] in _SWITCHES):
        return False
    if set(found) == {"auth"}:  # "auth" has many meanings, except as the last word
        return words[-1] == "auth"
    return not (set(found) == {"key"} and words[-1] == "key" and not _KINDS_OF_KEY.isdisjoint(words[:-1]))


def harmless(name: str, value: str) -> str:
    """Return the reason why ``value`` is not the secret that ``name`` names; empty when it may be that secret."""
    value = value.strip()
    if value.lower() in _SWITCH_VALUES:
        return "a switch"
    if _MOUNTED.fullmatch(value):
        return "the path of a file"
    return "the fingerprint of a public key" if _is_fingerprint(_words(name), value) else ""


def _is_fingerprint(words: list[str], value: str) -> bool:
    """Tell whether ``value`` is the fingerprint or id of a public key."""
    if any(word in ("gpg", "pgp", "openpgp", "gpgkey", "fingerprint", "fpr") for word in words):
        value = value.upper()
        return bool(_FINGERPRINT.fullmatch(value) or _SPACED_FINGERPRINT.fullmatch(value) or _KEY_ID.fullmatch(value))
    only_key = {word for word in words if word in _SECRET} == {"key"} and _PRIVATE.isdisjoint(words)
    return only_key and bool(_FINGERPRINT.fullmatch(value) or _SPACED_FINGERPRINT.fullmatch(value))


def _words(name: str) -> list[str]:
    return name.lower().split("_")
