# djps in a small image: docker build --tag djps .
# With the program of the quickstart, as a worker: docker build --target example-worker .

FROM debian:12-slim AS builder
WORKDIR /source
# The packages first: they change less often than the source, and Docker keeps this layer.
COPY scripts/install-dependencies scripts/
RUN scripts/install-dependencies build && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt ./
COPY cmake cmake
COPY api api
COPY db db
COPY include include
COPY src src
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DDJPS_BUILD_TESTS=OFF \
  && ninja -C build djps \
  && strip build/src/djps

FROM debian:12-slim AS runtime
COPY scripts/install-dependencies /tmp/
RUN /tmp/install-dependencies runtime \
  && rm -rf /var/lib/apt/lists/* /tmp/install-dependencies \
  && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin djps
COPY --from=builder /source/build/src/djps /usr/local/bin/djps
USER djps
EXPOSE 3000
# Asks the server or database that DJPS_SERVER or DJPS_DATABASE_URL names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["djps", "health"]
ENTRYPOINT ["djps"]
CMD ["--help"]

FROM runtime AS example-worker
USER root
RUN apt-get update && apt-get install -y --no-install-recommends file jq \
  && rm -rf /var/lib/apt/lists/*
COPY examples/quickstart/file-facts /usr/local/bin/file-facts
USER djps
CMD ["worker", "--type", "file_facts", "--exec", "file-facts"]

# The default: without the example.
FROM runtime AS djps
