"""The code and message of each error, beside the data of the other fields."""

import socket

import pytest

REPORTING, DETECTIONS = "/api/v3/reporting", "/api/v3/detections"
SENSORS = """
query ($start: Time!, $stop: Time) { sensors { data {
  id detections(start: $start, stop: $stop) { detections_local { value } }
} } }
"""
REPORT = """query ($start: Time!) { report(filter: {start: $start}) { data } }"""
HTML = "<html><head><title>Sign in</title></head><body>Proxy</body></html>"


class TestTheCaller:
    """The caller's input is wrong, so no call is made."""

    @pytest.mark.parametrize("time", ["yesterday", "-1x", "2025-13-01T00:00:00Z", "12:00", "", "-1.5d"])
    def test_nonsense_for_a_time_is_told_what_a_time_takes(self, facade, sandbox, token, time):
        literal = facade.post(f'{{ report(filter: {{start: "{time}"}}) {{ data }} }}', token=token)
        variable = facade.post(REPORT, {"start": time}, token=token)
        for answer in (literal, variable):
            assert answer.status_code == 400
            assert "data" not in answer.json()
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            for accepted in ("RFC 3339", "bare date", "epoch milliseconds", "-24h"):
                assert accepted in error["message"]
        assert sandbox.calls(token) == []

    @pytest.mark.parametrize("duration", ["often", "5", "1y", "-5m", "", "m5"])
    def test_nonsense_for_a_duration_is_told_what_a_duration_takes(self, facade, sandbox, token, duration):
        literal = facade.post(
            f'{{ report(filter: {{start: "-1d"}}, window: {{every: "{duration}"}}) {{ data }} }}', token=token
        )
        variable = facade.post(
            'query ($window: ReportWindow) { report(filter: {start: "-1d"}, window: $window) { data } }',
            {"window": {"every": duration}},
            token=token,
        )
        for answer in (literal, variable):
            assert answer.status_code == 400
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert "s m h d w M" in error["message"]
        assert sandbox.calls(token) == []

    def test_a_variable_of_the_wrong_type_is_bad_input(self, facade, token):
        answer = facade.post(REPORT, {"start": {"at": 1}}, token=token)
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "$start" in error["message"]

    def test_a_variable_left_out_is_bad_input(self, facade, token):
        error = facade.error(REPORT, token=token)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "$start" in error["message"]

    def test_an_unknown_field_fails_validation_with_a_suggestion(self, facade, token):
        answer = facade.post("{ sensors { data { mac_adress } } }", token=token)
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "mac_address" in error["message"]
        assert error["locations"] == [{"line": 1, "column": 20}]

    def test_a_malformed_document_fails_parsing(self, facade, token):
        answer = facade.post("{ sensors { data { id }", token=token)
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
        assert error["locations"]

    def test_an_operation_that_is_not_in_the_document_is_named(self, facade, http):
        body = {"query": "query A { __typename } query B { __typename }", "operationName": "C"}
        error = http.post(f"{facade.url}/graphql", json=body).json()["errors"][0]
        assert "'C'" in error["message"]
        assert "A, B" in error["message"]

    def test_csv_is_told_where_it_is_to_be_had(self, facade, token):
        error = facade.error('{ report(filter: {start: "-1d"}, options: {format: "csv"}) { data } }', token=token)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "POST /api/v3/reporting" in error["message"]
        assert "facade export" in error["message"]

    def test_what_is_merely_absent_is_null_and_no_error(self, facade, token):
        data = facade.data(
            """{ sensor(id: "sensor_none") { id } hive(serial_number: "none") { id } room(id: "room_none") { id }
                 node(id: "nonsense") { id } sensors(ids: ["sensor_none"]) { data { id } } }""",
            token=token,
        )
        assert data == {
            "sensor": None,
            "hive": None,
            "room": None,
            "node": None,
            "sensors": {"data": []},
        }


def json_of(message):
    return f'{{"message": "{message}", "trace": "goroutine 7"}}'


# What befalls a call, the code, the extensions besides it, and what the message has to say.
FAILURES = {
    "400": ({"status": 400, "body": json_of("start is too early")}, "BAD_USER_INPUT", "start is too early"),
    "422": ({"status": 422, "body": json_of("no such window")}, "BAD_USER_INPUT", "no such window"),
    "401": ({"status": 401, "body": json_of("expired")}, "UNAUTHENTICATED", "Log in again"),
    "403": ({"status": 403, "body": json_of("no scope")}, "FORBIDDEN", "no scope"),
    "404": ({"status": 404, "body": json_of("no room_9")}, "NOT_FOUND", "no room_9"),
    "429": ({"status": 429, "headers": {"Retry-After": "7"}}, "RATE_LIMITED", "7 seconds"),
    "500": ({"status": 500, "body": json_of("nil pointer")}, "UPSTREAM_UNAVAILABLE", "500"),
    "503": (
        {"status": 503, "body": HTML, "content_type": "text/html"},
        "UPSTREAM_UNAVAILABLE",
        "Try again",
    ),
    "504": ({"status": 504}, "UPSTREAM_TIMEOUT", "shorter span"),
    "cut": ({"cut": True}, "UPSTREAM_UNAVAILABLE", "broke"),
    "html": (
        {"status": 200, "body": HTML, "content_type": "text/html"},
        "UPSTREAM_INVALID_RESPONSE",
        "web page",
    ),
    "bad json": ({"status": 200, "body": '{"detections_local": ['}, "UPSTREAM_INVALID_RESPONSE", "detections"),
    "empty": ({"status": 200, "body": ""}, "UPSTREAM_INVALID_RESPONSE", "nothing"),
    "another shape": (
        {"status": 200, "body": '{"detections_local": {"a": 1}}'},
        "UPSTREAM_INVALID_RESPONSE",
        "detections_local",
    ),
}


class TestTheUpstream:
    @pytest.fixture(scope="class")
    @classmethod
    def impatient(cls, launch, sandbox_process):
        """Has short timeouts and no retries."""
        return launch.facade(sandbox_process.url, FACADE_UPSTREAM_TIMEOUT="2", FACADE_UPSTREAM_RETRIES="0")

    @pytest.mark.parametrize("failure", FAILURES)
    def test_a_failing_call_costs_its_own_fields_alone(self, impatient, sandbox, token, at_work, failure):
        fault, code, said = FAILURES[failure]
        sandbox.fault(DETECTIONS, **fault)
        response = impatient.post(SENSORS, at_work(), token=token)
        answer = response.json()
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        sensors = answer["data"]["sensors"]["data"]
        assert len(sensors) == 200
        assert all(sensor["id"] and sensor["detections"] is None for sensor in sensors) or (
            # An answer of another shape is found out by the field that reads it.
            failure == "another shape"
            and all(sensor["detections"] in (None, {"detections_local": None}) for sensor in sensors)
        )
        assert len(answer["errors"]) == 200
        for error in answer["errors"]:
            assert error["path"][:2] == ["sensors", "data"]
            assert error["path"][3] == "detections"
            assert error["extensions"]["code"] == code
            assert said in error["message"]
            assert len(error["message"]) < 500
        wait = {7} if failure == "429" else {None}
        assert {error["extensions"].get("retryAfter") for error in answer["errors"]} == wait
        hidden = (token, "goroutine", "nil pointer", "Traceback", "<html", sandbox.url.removeprefix("http://"))
        assert not [text for text in hidden if text in response.text]

    def test_a_call_that_takes_too_long_times_out(self, impatient, sandbox, token, at_work):
        sandbox.fault(DETECTIONS, hang=True)
        answer = impatient.ask(SENSORS, at_work(), token=token)
        assert len(answer["data"]["sensors"]["data"]) == 200
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_TIMEOUT"}
        assert "2 seconds" in answer["errors"][0]["message"]
        assert "`facade export detections`" in answer["errors"][0]["message"]

    def test_an_error_of_a_list_of_sensors_names_no_export_of_rows(self, impatient, sandbox, token):
        sandbox.fault("/api/v3/reporting", status=504)
        error = impatient.error("{ sensors { data { id } } }", token=token)
        assert error["extensions"]["code"] == "UPSTREAM_TIMEOUT"
        assert "export" not in error["message"]

    def test_a_sibling_that_succeeds_keeps_its_data(self, impatient, sandbox, token, at_work):
        sandbox.fault(DETECTIONS, status=500)
        answer = impatient.ask(
            """query ($start: Time!, $stop: Time) {
              report(filter: {start: $start, stop: $stop, measurements: [presence]}) { rows { value } }
              detections(filter: {start: $start, stop: $stop}) { detections_local { value } }
            }""",
            at_work(),
            token=token,
        )
        assert answer["data"]["detections"] is None
        assert answer["data"]["report"]["rows"]
        assert [error["path"] for error in answer["errors"]] == [["detections"]]

    def test_assets_that_cannot_be_had_cost_the_fields_that_need_them(self, impatient, sandbox, token, at_work):
        variables = {"filter": {**at_work(), "measurements": ["presence"]}}
        rows = """query ($filter: ReportFilter!) { report(filter: $filter) { rows { value sensor_id %s } } }"""
        impatient.data(rows % "", variables, token=token)
        sandbox.fault(REPORTING, status=500)
        answer = impatient.ask(rows % "sensor { mode }", variables, token=token)
        found = answer["data"]["report"]["rows"]
        assert found
        assert all(row["value"] is not None and row["sensor_id"] and row["sensor"] is None for row in found)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_UNAVAILABLE"}
        assert answer["errors"][0]["path"] == ["report", "rows", 0, "sensor"]

    def test_a_failure_is_not_remembered(self, impatient, sandbox, token, at_work):
        sandbox.fault(DETECTIONS, status=500)
        assert "errors" in impatient.ask(SENSORS, at_work(), token=token)
        sandbox.no_faults()
        assert "errors" not in impatient.ask(SENSORS, at_work(), token=token)

    def test_a_real_400_says_what_the_upstream_said(self, facade, token):
        error = facade.error(
            """{ report(filter: {start: "2025-10-14T15:00:00Z", stop: "2025-10-14T14:00:00Z"}) { data } }""",
            token=token,
        )
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
        assert error["path"] == ["report"]
        assert "filter.stop" in error["message"]
        assert "must be later than start" in error["message"]

    def test_a_rate_limit_of_the_upstream_says_when_to_come_back(self, facade, sandbox, token, at_work):
        sandbox.configure(rate_limit_per_minute=1)
        facade.data(REPORT, {"start": "-5m"}, token=token)
        error = facade.error(REPORT, {"start": "-6m"}, token=token)
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert 0 < error["extensions"]["retryAfter"] <= 60

    def test_an_upstream_that_is_not_there_is_unavailable(self, launch, token):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        lonely = launch.facade(f"http://127.0.0.1:{port}", FACADE_UPSTREAM_RETRIES="0")
        error = lonely.error("{ sensors { data { id } } }", token=token)
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert "base URL" in error["message"]
        ready = lonely.request("GET", "/readyz")
        assert ready.status_code == 200
        assert "UPSTREAM_UNAVAILABLE" in ready.json()["upstream"]
        lonely.stop()

    def test_no_log_holds_a_token_or_a_secret(self, impatient, facade, sandbox, token):
        user = impatient.data(
            """mutation { login(username: "demo@example.com", password: "demo-password") {
                 access_token refresh_token id_token } }"""
        )["login"]
        sandbox.fault(REPORTING, status=500)
        for failing in ("{ sensors { data { id } } }", "{ nonsense }", "{"):
            impatient.post(failing, token=user["access_token"])
            impatient.request(
                "GET",
                "/graphql",
                params={"query": failing},
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            )
        logs = impatient.log() + facade.log()
        assert "UPSTREAM" in logs or "request" in logs
        for secret in (*user.values(), token, "demo-password", "demo-secret"):
            assert secret not in logs
        # Nor any other: a JWT begins so.
        assert "eyJ" not in logs
        assert "Traceback" not in logs
