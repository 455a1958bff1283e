"""Objects as the last line of a notebook's cell, run by nbclient in a kernel of its own."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


def test_a_notebook_shows_tables_and_lines(tmp_path, monkeypatch):
    """A model and a contract are tables, a stream is a line; Jupyter finds `_repr_html_` by itself."""
    import nbformat
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    for folder in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(folder, str(tmp_path))
    load = f"import rnnedge\nmodel = rnnedge.load({str(GOLDEN)!r})\nmodel"
    cells = [new_code_cell(text) for text in (load, "model.contract", "model.stream()", "model.pool(4)")]
    notebook: nbformat.NotebookNode = new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [cell.outputs[0].data for cell in notebook.cells]
    for data in shown[:2]:
        assert "<table" in data["text/html"] and "rnnedge" in data["text/plain"]
    assert "0 frames so far" in shown[2]["text/plain"]
    assert "0 of 4 members" in shown[3]["text/plain"]
    assert "text/html" not in shown[2]
