"""deploy/install: what it puts where, and that it belongs together."""

import os
import shutil
import subprocess

import pytest

from gate import PROGRAMS, ROOT, SERVICES, Gate


def install(destdir, prefix):
    return subprocess.run(
        [str(ROOT / "deploy" / "install"), str(PROGRAMS), str(destdir), prefix],
        capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("prefix, config", [
    ("/usr", "etc/sallyport"), ("/usr/local", "usr/local/etc/sallyport"),
    ("/opt/gate/", "opt/gate/etc/sallyport")])
def test_everything_has_its_place(tmp_path, prefix, config):
    done = install(tmp_path, prefix)
    assert done.returncode == 0, done.stderr
    top = tmp_path / prefix.strip("/")
    for name in [*SERVICES, "sallyport"]:
        assert os.access(top / "lib" / "sallyport" / name, os.X_OK), name
    assert os.path.samefile(top / "bin" / "sallyport",
                            top / "lib" / "sallyport" / "sallyport")
    for name in SERVICES:
        assert (tmp_path / config / f"{name}.yaml").is_file()
        unit = (top / "lib" / "systemd" / "system" /
                f"sallyport-{name}@.service").read_text()
        assert f"ExecStart={prefix.rstrip('/')}/lib/sallyport/{name} " in unit
        assert f"SP_CONFIG=/{config}\n" in unit
        assert f"User=sallyport-{name}\n" in unit
    text = "".join(p.read_text() for p in (top / "lib").rglob("sallyport*")
                   if p.suffix in (".service", ".target", ".conf"))
    assert "@programs@" not in text and "@config@" not in text
    assert str(tmp_path) not in text


def test_a_changed_configuration_stays(tmp_path):
    assert install(tmp_path, "/usr").returncode == 0
    ours = tmp_path / "etc" / "sallyport" / "edge.yaml"
    shipped = ours.read_text()
    ours.write_text(shipped + "# ours\n")
    done = install(tmp_path, "/usr")
    assert done.returncode == 0
    assert "edge.yaml.new" in done.stderr
    assert ours.read_text().endswith("# ours\n")
    assert ours.with_suffix(".yaml.new").read_text() == shipped


@pytest.mark.parametrize("arguments", [
    [], ["a", "b"], ["/nonexistent", "/tmp/x", "/usr"]])
def test_wrong_usage_installs_nothing(arguments):
    done = subprocess.run([str(ROOT / "deploy" / "install"), *arguments],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stderr


def test_units_are_well_formed(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    assert install("", str(tmp_path)).returncode == 0
    units = tmp_path / "lib" / "systemd" / "system"
    names = ["sallyport.target", "sallyport-init.service"]
    for service in SERVICES:
        template = units / f"sallyport-{service}@.service"
        names.append(f"sallyport-{service}@0.service")
        # Its user is made by systemd-sysusers, which did not run here.
        text = template.read_text().replace(f"User=sallyport-{service}\n", "")
        template.write_text(text.replace(
            "SupplementaryGroups=sallyport\n", ""))
        shutil.copy(template, units / names[-1])
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(units / n) for n in names)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:/lib/systemd/system"},
        capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "sallyport" in line]
    assert not said, said


def test_installed_programs_read_the_installed_configuration(tmp_path):
    assert install("", str(tmp_path)).returncode == 0
    gate = Gate()
    try:
        del gate.environment["SP_CONFIG"]
        config = tmp_path / "etc" / "sallyport" / "edge.yaml"
        for text, status in [(None, 0), ("limits: {}\n", 1)]:
            if text is not None:
                config.write_text(text)
            done = subprocess.run(
                [str(tmp_path / "bin" / "sallyport"), "check-config"],
                cwd=gate.home, env=gate.environment, text=True,
                capture_output=True, timeout=60)
            assert done.returncode == status, done.stdout + done.stderr
    finally:
        gate.end()
