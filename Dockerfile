FROM node:24-slim AS page
WORKDIR /src/web-ui
COPY web-ui/package.json web-ui/package-lock.json web-ui/.npmrc ./
RUN npm ci
COPY web-ui/ ./
# The page's tabs are the package's own examples.
COPY facade/web/examples/ ../facade/web/examples/
RUN npm run build

FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/facade \
    && /opt/facade/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY facade/ facade/
COPY --from=page /src/facade/web/graphiql/ facade/web/graphiql/
# A wheel without the page is refused.
ENV REQUIRE_PAGE=1
RUN /opt/build/bin/hatchling build -t wheel -d dist \
    && /opt/facade/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home facade
COPY --from=build /opt/facade /opt/facade
ENV PATH=/opt/facade/bin:$PATH
# Where a .env file may be mounted.
WORKDIR /srv/facade
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('FACADE_PORT', '8000')), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["facade"]
CMD ["serve", "--host", "0.0.0.0"]
