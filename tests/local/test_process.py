"""The local cloud starts and stops, and reports why if it cannot."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from local import process, stack
from local.process import CloudError
from local.stack import StackError


def test_stopped_cloud_leaves_only_its_log(tmp_path: Path) -> None:
    cloud = process.start(tmp_path, process.free_port())
    assert process.find(tmp_path) == cloud
    with pytest.raises(CloudError, match=f"a cloud runs here already \\(process {cloud.pid}"):
        process.start(tmp_path, process.free_port())

    process.stop(cloud)

    assert process.find(tmp_path) is None
    assert [file.name for file in tmp_path.iterdir()] == ["cloud.log"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=5)


def test_record_of_an_ended_cloud_is_deleted(tmp_path: Path) -> None:
    # The test's own process plays another program that got the ended cloud's pid.
    (tmp_path / "cloud.json").write_text(json.dumps({"pid": os.getpid(), "port": 4566}))

    assert process.find(tmp_path) is None
    assert not (tmp_path / "cloud.json").exists()


def test_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CloudError, match=f"port {port} of 127.0.0.1 is taken"):
            process.start(tmp_path, port)


def test_failed_start_shows_the_end_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "ministack-9.9.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(CloudError, match=r"9\.9\.9 is installed"):
        process.start(tmp_path / "cloud", process.free_port())

    assert process.find(tmp_path / "cloud") is None


def test_failed_build_step_shows_the_end_of_its_log(tmp_path: Path) -> None:
    script = tmp_path / "sam"
    script.write_text("#!/bin/sh\necho the reason\nexit 3\n")
    script.chmod(0o755)

    with pytest.raises(StackError, match=r"(?s)`\S+/sam build` failed.*the reason"):
        stack._run([str(script), "build"], tmp_path / "build.log", dict(os.environ))
