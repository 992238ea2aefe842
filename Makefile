# Vitrine's commands. `make demo` and `make test` install what is missing by themselves (Debian 12; as root, or with sudo).

.PHONY: demo test cdn fmt lint doc bench prove clean toolchain deps deps-cdn deps-bench deps-prove web browser fuzz

DEBIAN := ffmpeg pkg-config clang libclang-dev chromium fonts-dejavu-core nats-server \
	libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libavdevice-dev libswscale-dev libswresample-dev
# Caches that stand in front of the edge, as a CDN would.
DEBIAN_CDN := nginx varnish
# Peers of the benchmarks, and what loads them.
DEBIAN_BENCH := nginx wrk
# What the long proofs need besides: a real OBS Studio without a desktop.
DEBIAN_PROVE := obs-studio xvfb dbus-x11 psmisc $(DEBIAN_CDN)
export DEBIAN_FRONTEND := noninteractive
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

# Installs only what is not there: a second run asks nothing of the network.
define install
	@missing=""; for package in $(1); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

# `make demo DEMO="--once --picture docs/watch-page.png"` makes the picture of the README anew.
demo: deps browser web
	cargo build --release --bin vitrine --bin vitrine-edge --bin demo
	target/release/demo $(DEMO)

test: deps browser lint doc
	cd origin/web && npm run check && npm test
	cargo build --workspace --bins --tests
	cargo test --workspace

# nginx and Varnish in front of the edge, by the configurations of docs/cdn.
cdn: deps-cdn
	cargo build --bin vitrine-edge
	cargo test -p vitrine-tests --test edge -- --include-ignored cdn

# The long proofs, each by its name: make prove PROOF=obs-hls SECONDS=60 PART_MS=200. `target/release/prove --help` tells what each shows.
PROOF := all
SECONDS := 300
PART_MS :=
prove: deps-prove browser web
	cargo build --release --bin vitrine --bin vitrine-edge --bin prove
	target/release/prove $(PROOF) --seconds $(SECONDS) $(if $(PART_MS),--part-ms $(PART_MS))

# Figures, each beside a limit measured in the same run.
bench: deps-bench web
	cargo build --release --bin vitrine-edge
	cargo bench --workspace

# Coverage-guided fuzzing, for MINUTES each; needs cargo-fuzz and a nightly toolchain.
MINUTES := 5
fuzz:
	cd ingest && cargo +nightly fuzz run session -- -max_total_time=$$(( $(MINUTES) * 60 ))
	cd ingest && cargo +nightly fuzz run ts -- -max_total_time=$$(( $(MINUTES) * 60 ))
	cd packager && cargo +nightly fuzz run codec -- -max_total_time=$$(( $(MINUTES) * 60 ))
	cd packager && cargo +nightly fuzz run request -- -max_total_time=$$(( $(MINUTES) * 60 ))

fmt:
	cargo fmt --all

lint: web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing: install 1.88 or newer by rustup"; exit 1; }
	@node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' \
		|| { echo "Node.js is missing or too old: install 20.19 or newer, with npm"; exit 1; }

deps: toolchain
	$(call install,$(DEBIAN))

deps-cdn: deps
	$(call install,$(DEBIAN_CDN))

deps-bench: deps
	$(call install,$(DEBIAN_BENCH))

deps-prove: deps
	$(call install,$(DEBIAN_PROVE))

web: origin/web/dist/watch.html

origin/web/node_modules: origin/web/package-lock.json
	cd origin/web && npm ci --no-audit --no-fund
	touch $@

origin/web/dist/watch.html: origin/web/node_modules $(shell find origin/web/src origin/web/public origin/web/player/src -type f 2>/dev/null) origin/web/watch.html origin/web/studio.html
	cd origin/web && npm run build
	touch $@

browser: tests/browser/node_modules

tests/browser/node_modules: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund
	touch $@

clean:
	cargo clean
	rm -rf origin/web/dist origin/web/node_modules tests/browser/node_modules tests/out
