"""Debian's Chromium, and the page opened in it."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

# Chromium's own calls home would be foreign requests too.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The schema and the first layout of the editor take their time on two cores, and more beside other tests.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


# Of a module: Playwright's event loop would else run on beside that of tests that come after.
@pytest.fixture(scope="module")
def chromium():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is not installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


# A resource has its entry once it is loaded, or has come from the cache.
SETTLED = """() => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  return ["/codicon-", "/graphqlMode-", "/jsonMode-", "/graphql-", "IntrospectionQuery"].every((part) =>
    loaded.some((name) => name.includes(part)));
}"""


SIZE = {"width": 1440, "height": 900}


class Visit:
    """A page with its console messages and requests."""

    def __init__(self, page, facade):
        self.page = page
        self.context = page.context
        self.foreign = []
        self.complaints = []
        self._own = facade.url
        # Listened to and not intercepted: what is intercepted goes out with `Cache-Control: no-cache`.
        self._listeners = [
            (self.context, "request", self._requested),
            (page, "console", self._said),
            (page, "pageerror", lambda error: self.complaints.append(str(error))),
        ]
        for source, event, listener in self._listeners:
            source.on(event, listener)

    def _requested(self, request):
        if not request.url.startswith((f"{self._own}/", "data:", "blob:")):
            self.foreign.append(request.url)

    def _said(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def leave(self):
        """Reset the page to the state of a new profile, but keep its cache."""
        for source, event, listener in self._listeners:
            source.remove_listener(event, listener)
        self.page.unroute_all(behavior="ignoreErrors")
        self.page.goto("about:blank")
        session = self.context.new_cdp_session(self.page)
        session.send("Storage.clearDataForOrigin", {"origin": self._own, "storageTypes": "local_storage"})
        session.detach()
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(SIZE)

    def open(self, path, shows="FirstLook"):
        response = self.page.goto(f"{self._own}{path}")
        expect(self.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(shows)
        return response

    def settled(self):
        """Wait until an opened page has loaded everything that it loads by itself."""
        self.page.wait_for_function(SETTLED)

    def drawn(self):
        """Wait until the page has drawn its state, which takes at most two frames."""
        self.page.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")

    def example(self, question):
        """Open an example in a tab of its own."""
        tabs = self.page.locator(".graphiql-tab-button")
        count = tabs.count()
        self.page.locator("#facade-examples-open").click()
        self.page.get_by_role("menuitem").filter(has_text=question).click()
        expect(tabs).to_have_count(count + 1)
        # GraphiQL names the operation of a tab a tenth of a second after it was opened.
        expect(tabs.nth(count)).not_to_have_text("<untitled>")

    def answered(self):
        """Run the operation in the editor, and return its answer as JSON."""
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            self.run()
        return answered.value.json()

    def look(self, tab):
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def log_in(self):
        self.page.locator("#facade-login-open").click()
        self.page.locator("#facade-login-username").fill("demo@example.com")
        self.page.locator("#facade-login-password").fill("demo-password")
        self.page.locator("#facade-login-submit").click()
        expect(self.page.locator("#facade-status")).to_contain_text("Logged in until")
        return self.page.locator("#facade-token").input_value()

    def run(self):
        self.page.locator(".graphiql-execute-button").click()

    @property
    def answer(self):
        # Monaco draws the lines in view only, and its spaces are not those of the keyboard.
        return self.page.locator(".result-window .view-lines")

    def stored(self):
        return self.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def new_page(browser, **options):
    page = browser.new_context(**{"viewport": SIZE, **options}).new_page()
    page.set_default_timeout(PATIENCE)
    return page


@pytest.fixture
def new_visit(chromium):
    """Opens pages, each in a new browser profile."""
    visits = []

    def make(facade, **options):
        visits.append(Visit(new_page(chromium, **options), facade))
        return visits[-1]

    yield make
    for one in visits:
        one.context.close()


@pytest.fixture(scope="module")
def page(chromium):
    """One page for each module, so that the editor's scripts are compiled only once."""
    return new_page(chromium)


@pytest.fixture
def visit_to(page):
    """Opens the page that the tests of a module share."""
    visits = []

    def make(facade):
        visits.append(Visit(page, facade))
        return visits[-1]

    yield make
    for one in visits:
        one.leave()


@pytest.fixture
def visit(visit_to, facade):
    return visit_to(facade)
