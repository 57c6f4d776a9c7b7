from __future__ import annotations

from evals.program import program_fingerprint


def test_program_fingerprint_follows_code_and_prompts_only(tmp_path):
    seen = {program_fingerprint(tmp_path)}
    for name in ("models/a.py", "assistant/prompts/a.txt", "ingest/a.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        seen.add(program_fingerprint(tmp_path))
    assert len(seen) == 4
    (tmp_path / "models" / "a.pyc").write_text("x")
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "a.py").write_text("x")
    assert program_fingerprint(tmp_path) in seen
    assert program_fingerprint() == program_fingerprint()
