# Vitrine's commands. `make demo` and `make test` install what is missing by themselves.

.PHONY: demo test fmt lint doc bench prove clean deps web

DEBIAN := ffmpeg pkg-config clang chromium
export DEBIAN_FRONTEND := noninteractive

# Installs only what is not there: a second run asks nothing of the network.
deps:
	@missing=""; for package in $(DEBIAN); do dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; fi

web: origin/web/dist/watch.html

origin/web/node_modules: origin/web/package-lock.json
	cd origin/web && npm ci --no-audit --no-fund
	touch $@

origin/web/dist/watch.html: origin/web/node_modules $(shell find origin/web/src origin/web/public -type f 2>/dev/null) origin/web/watch.html
	cd origin/web && npm run build
	touch $@

fmt:
	cargo fmt --all

lint: web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

test: deps lint doc
	cd origin/web && npm run check && npm test
	cargo build --workspace
	cargo test --workspace

clean:
	cargo clean
	rm -rf origin/web/dist origin/web/node_modules tests/browser/node_modules tests/out
