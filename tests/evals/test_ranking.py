"""Ranking metrics, by hand and against the library that computes them for TREC."""

from __future__ import annotations

import random

import pytest
import pytrec_eval

from evals.ranking import average_precision, ndcg_at, precision_at, reciprocal_rank

CUTOFF = 5


def test_metrics_without_a_hit_are_zero():
    for hits in ([], [False, False]):
        assert precision_at(hits, 5) == reciprocal_rank(hits) == 0
        assert average_precision(hits, 2) == ndcg_at(hits, 2, 5) == 0


def test_a_perfect_ranking_scores_one_where_one_is_possible():
    hits = [True, True, False]
    assert reciprocal_rank(hits) == average_precision(hits, 2) == ndcg_at(hits, 2, 5) == 1
    assert precision_at(hits, 5) == 0.4
    assert ndcg_at([True] * 9, 9, 5) == pytest.approx(1)


def test_metrics_agree_with_trec_eval():
    chance = random.Random(11)
    names = [f"d{number}" for number in range(12)]
    for _ in range(200):
        ranked = chance.sample(names, chance.randint(1, len(names)))
        wanted = set(chance.sample(names, chance.randint(1, 6)))
        hits = [name in wanted for name in ranked]
        run = {"q": {name: float(len(names) - rank) for rank, name in enumerate(ranked)}}
        measures = {f"ndcg_cut.{CUTOFF}", f"P.{CUTOFF}", "map", "recip_rank"}
        judged = {"q": dict.fromkeys(wanted, 1)}
        theirs = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)["q"]
        ours = {
            f"ndcg_cut_{CUTOFF}": ndcg_at(hits, len(wanted), CUTOFF),
            f"P_{CUTOFF}": precision_at(hits, CUTOFF),
            "map": average_precision(hits, len(wanted)),
            "recip_rank": reciprocal_rank(hits),
        }
        assert ours == pytest.approx(theirs, abs=1e-9)
