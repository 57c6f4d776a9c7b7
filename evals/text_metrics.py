"""How well the text of an answer agrees with a gold answer; pure functions, 0 to 1."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_CJK_CHARACTER = re.compile(f"([{_CJK}])")
_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_WORD_OR_NUMBER = re.compile(
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 1,577.00
    r"|\d+(?:\.\d+)?"
    rf"|[{_CJK}]"
    rf"|[^\W\d_{_CJK}]+"
)
_NUMBER = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\d)(\s?%)?")


def contains_gold(answer: str, gold: str) -> bool:
    """Tell whether the gold answer occurs in the answer as a run of words.

    Case, articles and punctuation do not count; numbers are compared as numbers. A gold "yes" or
    "no" must be the first of these two words in the answer. A gold answer of signs only must
    occur literally, white space aside.

    >>> contains_gold("It was $1,577 million.", "1577.00"), contains_gold("15 units", "5")
    (True, False)
    """
    said, wanted = _plain_tokens(answer), _plain_tokens(gold)
    if wanted in (["yes"], ["no"]):
        return [token for token in said if token in ("yes", "no")][:1] == wanted
    if not wanted:
        signs = "".join(gold.split())
        return bool(signs) and signs in "".join(answer.split())
    size = len(wanted)
    return any(said[i : i + size] == wanted for i in range(len(said) - size + 1))


def number_recall(text: str, gold: str) -> float | None:
    """Return the share of the numbers of a gold answer that a text states; None: it has none.

    Numbers below 100 count only with a percent sign or decimals, and years never: days, quarters
    and list marks say little.

    >>> number_recall("Sales were $117,154, up 5%.", "In 2023 it was 117154 million, 12.5% more")
    0.5
    """
    wanted = _numbers(gold)
    return len(wanted & _numbers(text)) / len(wanted) if wanted else None


def exact_match(answer: str, gold: str) -> float:
    """Return 1.0 if both say the same after SQuAD's normalisation, else 0.0.

    Source: Rajpurkar et al., SQuAD (EMNLP 2016), section 5; extended to punctuation of all
    scripts and to CJK text, which is compared by character.

    >>> exact_match("The Cat.", "cat")
    1.0
    """
    return float(_squad_tokens(answer) == _squad_tokens(gold))


def token_f1(answer: str, gold: str) -> float:
    """Return the harmonic mean of precision and recall over tokens, counted with repetition.

    Source: as `exact_match`. Of two texts without tokens the value is 1.

    >>> token_f1("the red car park", "red car")  # 2 in common of 3 and 2: 2 * 2 / 5
    0.8
    """
    said, wanted = _squad_tokens(answer), _squad_tokens(gold)
    if not said or not wanted:
        return float(said == wanted)
    return 2 * (Counter(said) & Counter(wanted)).total() / (len(said) + len(wanted))


def rouge_l(answer: str, gold: str) -> float:
    """Return F1 of the longest common subsequence of lower-case words, no stemming.

    Source: Lin, ROUGE (ACL 2004 workshop), section 3.1, with beta = 1.

    >>> rouge_l("police killed the gunman", "police kill the gunman")  # 3 of 4 and 4
    0.75
    """
    said, wanted = _WORD.findall(answer.lower()), _WORD.findall(gold.lower())
    if not said or not wanted:
        return 0.0
    return 2 * _common_subsequence(said, wanted) / (len(said) + len(wanted))


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    Each bit of `row` stands for a word of `left`; a bit turns 0 where the length grows by one.
    Source: Hyyrö, Bit-parallel LCS-length computation revisited (AWOCA 2004).
    """
    places: dict[str, int] = {}
    for index, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << index
    full = row = (1 << len(left)) - 1
    for word in right:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(left) - row.bit_count()


def _numbers(text: str) -> frozenset[str]:
    found = set()
    for match in _NUMBER.finditer(text):
        is_year = len(match[1]) == 4 and match[1].startswith(("19", "20"))
        if match[2] or "." in match[1] or not (is_year or len(match[1]) < 3):
            found.add(_plain_number(match[1]))
    return frozenset(found)


def _squad_tokens(text: str) -> list[str]:
    kept = "".join(_without_punctuation(character) for character in text.lower())
    tokens = _CJK_CHARACTER.sub(r" \1 ", kept).split()
    return [token for token in tokens if token not in _ARTICLES]


def _without_punctuation(character: str) -> str:
    if character.isspace():
        return " "
    is_sign = character in string.punctuation or unicodedata.category(character).startswith("P")
    return "" if is_sign else character


def _plain_tokens(text: str) -> list[str]:
    """Return words without articles, and numbers in one spelling."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    tokens = (_plain_number(token) for token in _WORD_OR_NUMBER.findall(folded))
    return [token for token in tokens if token not in _ARTICLES]


def _plain_number(token: str) -> str:
    """Drop thousands separators and trailing zeros of a number; leave words as they are."""
    if not token[0].isdigit():
        return token
    digits = token.replace(",", "")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
