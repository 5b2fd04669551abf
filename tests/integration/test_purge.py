"""`facade cache purge` deletes what replicas share, and nothing else."""

import io
from dataclasses import dataclass

import pytest

from facade.cache import token_scope
from facade.cli.app import run

pytestmark = pytest.mark.redis

REPORT = """query ($start: Time!, $stop: Time) {
  report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { sensor_id value } } }"""


@pytest.fixture(scope="module")
def redis(new_redis):
    redis = new_redis("pa55-word")
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture(scope="module")
def verifying(launch, sandbox_process, redis):
    jwks = f"{sandbox_process.url}/.well-known/jwks.json"
    return launch.facade(sandbox_process.url, FACADE_CACHE_URL=redis.url, FACADE_JWKS_URL=jwks)


@pytest.fixture(scope="module")
def believing(launch, sandbox_process, redis):
    return launch.facade(sandbox_process.url, FACADE_CACHE_URL=redis.url)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def purge(tmp_path, redis, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def purge(*options, stdin="", url=None):
        monkeypatch.setenv("FACADE_CACHE_URL", url or redis.url)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(["cache", "purge", *options])
        return Done(code, *capsys.readouterr())

    return purge


@pytest.fixture
def served(verifying, believing, sandbox, at_work):
    """Who is served from the cache: two tenants that are verified, and a token that is not."""
    tokens = {name: sandbox.login(name) for name in ("demo", "other")}
    own = sandbox.login()

    def asked():
        answers = {name: verifying.post(REPORT, at_work(), token=token) for name, token in tokens.items()}
        answers["own"] = believing.post(REPORT, at_work(), token=own)
        return {name for name, answer in answers.items() if answer.headers["X-Cache"] == "HIT"}

    asked.tokens = {**tokens, "own": own}
    asked()
    assert asked() == {"demo", "other", "own"}
    return asked


def test_of_a_tenant(purge, served):
    done = purge("--tenant", "client_demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("deleted\n")
    assert served() == {"other", "own"}


def test_of_a_token_given_or_from_stdin(purge, served):
    # Were it verified, it would share with the other token of its client.
    assert purge("--token", served.tokens["own"]).stdout == "2 answers deleted\n"
    assert served() == {"other"}
    assert purge("--token", "-", stdin=f"{served.tokens['other']}\n").returncode == 0
    assert served() == {"demo", "own"}


def test_of_one_who_of_the_audit_log(purge, served):
    assert purge("--tenant", token_scope(served.tokens["own"])).stdout == "1 answer deleted\n"
    assert served() == {"demo", "other"}


def test_of_everybody_and_what_is_no_answer_stays(purge, served, redis):
    with redis.client() as client:
        client.set("facade:something-else", "kept")
        client.set("another", "kept")
        assert purge("--all").returncode == 0
        assert client.get("facade:something-else") == client.get("another") == b"kept"
    assert served() == set()


@pytest.mark.parametrize("pattern", ["*", "client_*", "j-*", "t-*", "?", ""])
def test_a_tenant_is_no_pattern(purge, served, pattern):
    done = purge("--tenant", pattern)
    assert done.stdout in ("0 answers deleted\n", "")
    assert served() == {"demo", "other", "own"}


@pytest.mark.parametrize("options", [(), ("--all", "--tenant", "x"), ("--token", "x", "--tenant", "x")])
def test_whose_must_be_said_once(purge, options):
    done = purge(*options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_cache_in_memory_is_forgotten_by_a_restart(purge):
    done = purge("--all", url="memory://")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "restart" in done.stderr


def test_a_redis_that_does_not_answer_is_said_in_a_line_without_its_password(purge):
    done = purge("--all", url="redis://:pa55-word@127.0.0.1:9/0")
    assert done.returncode == 1
    assert done.stderr == "facade: Redis does not answer (connection refused). Check FACADE_CACHE_URL.\n"
