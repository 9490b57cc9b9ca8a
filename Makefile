# The targets that a person types. make, make install and what else only builds never installs a
# package: where one is missing they name it. make deps installs it; so do demo, check, check-vm, fuzz,
# bench, injection, soak and package. Each of these says first what it installs.

PREFIX = /usr/local
DESTDIR =
CARGO = cargo

# Where cargo puts what it builds.
built = $(or $(CARGO_TARGET_DIR),target)/release

sbindir = $(DESTDIR)$(PREFIX)/sbin
mandir = $(DESTDIR)$(PREFIX)/share/man
docdir = $(DESTDIR)$(PREFIX)/share/doc/netfilterd
cachedir = $(DESTDIR)/var/cache/netfilterd
unitdir = $(DESTDIR)$(PREFIX)/lib/systemd/system
units = $(notdir $(wildcard contrib/systemd/*.service))
libdir = $(DESTDIR)$(PREFIX)/lib/netfilterd

# Programs that write lists, what they share, and files that say where they are installed.
agents = $(addprefix contrib/agents/,append collect conntrack-summary country named postfix sshd \
	suricata)
modules = $(wildcard contrib/agents/*.py)
agent_pages = $(wildcard contrib/agents/*.md)
agent_units = $(wildcard contrib/agents/*.service contrib/agents/*.timer \
	contrib/agents/fail2ban/action.d/*.conf)
fleet_units = $(wildcard contrib/fleet/*.service contrib/fleet/*.timer)

# Where the shells look for completion scripts.
bash = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/netfilterd
zsh = $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_netfilterd
fish = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/netfilterd.fish

# Tests in network namespaces need root; the programs under test are built without.
host := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p' | tr a-z- A-Z_)
ifneq ($(shell id -u),0)
export CARGO_TARGET_$(host)_RUNNER = sudo -E
endif

.PHONY: build
build:
	@sh dev/need.sh --check build
	$(CARGO) build --release --locked

# What the packages are for: build, demo, test, vm, injection, soak, fuzz, package, bench.
FOR = build

.PHONY: deps
deps:
	sh dev/need.sh $(FOR)

.PHONY: demo
demo:
	sh dev/need.sh build demo
	$(CARGO) build --release --locked
	sh dev/demo.sh $(built)/netfilterd

# Tests for a machine of their own, whose clock they set; and those of what no test installs, since
# its package starts it.
left_out = --skip clock_steps:: \
	$(if $(shell command -v fail2ban-server),,--skip fail2ban_itself)

.PHONY: check
check:
	sh dev/need.sh build demo test fuzz package
	$(CARGO) fmt --all --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --test soak --locked -- -D warnings
	$(CARGO) clippy --all-targets --locked --no-default-features --features nftables -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --locked
	mandoc -T lint -W warning man/netfilterd.8 man/drop_ips.5
	$(CARGO) test --locked -- --include-ignored $(left_out)
	sh tests/without-nftables.sh
	FUZZ_SEED=1 $(MAKE) fuzz FUZZ_SECONDS=3
	$(MAKE) demo
	sh tests/make.sh
	sh tests/install.sh
	sh tests/packages.sh
	sh tests/systemd.sh
	sh tests/openrc.sh

# Seconds for each target that runs without being named.
FUZZ_SECONDS = 600

.PHONY: fuzz
fuzz:
	sh dev/need.sh build demo fuzz
	sh fuzz/run.sh $(FUZZ_SECONDS)

# Licences, duplicates and sources of what the program is made of. Not in check: to build cargo-deny
# takes three minutes of processor time.
.PHONY: deny
deny: cargo-deny
	$(CARGO) deny --locked check bans licenses sources

# Its known faults; fetches the database of them from GitHub.
.PHONY: audit
audit: cargo-deny
	$(CARGO) deny --locked check advisories

.PHONY: cargo-deny
cargo-deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
		echo 'Missing: cargo-deny, to be installed with cargo install' && \
		$(CARGO) install --locked cargo-deny; }

# With the oldest versions that Cargo.toml permits, and with the oldest Rust.
.PHONY: minimal-versions
minimal-versions:
	@sh dev/need.sh --check build
	sh dev/minimal-versions.sh

.PHONY: msrv
msrv:
	@sh dev/need.sh --check build
	sh dev/msrv.sh

# The tests against the kernel, on a second kernel. Where that cannot be had, it says so. Which
# modules, as kernel::repair; without a word those that tests/vm/check.sh names.
VM_MODULES =

.PHONY: check-vm
check-vm:
	sh dev/need.sh build demo test
	-sh dev/need.sh vm
	sh tests/vm/check.sh $(VM_MODULES)

.PHONY: bench
bench:
	sh dev/need.sh build demo bench
	$(CARGO) bench --bench pure
	$(CARGO) build --release --locked --examples
	$(CARGO) build --release --locked
	python3 benches/compare/side-by-side.py --svg docs/bench.svg
	python3 benches/compare/packets-by-list.py --svg docs/packets.svg
	python3 benches/compare/rows.py
	python3 benches/compare/constants.py
	python3 benches/compare/hooks.py
	python3 benches/compare/ready.py

# Minutes of reloads, refusals, repairs and packets, after which nothing may have grown and no packet
# been misjudged. Writes docs/SOAK.md. The daemons are the program that make builds.
SOAK_MINUTES = 30

.PHONY: soak
soak:
	sh dev/need.sh build demo soak
	$(CARGO) build --release --locked
	NETFILTERD_PROGRAM=$(abspath $(built))/netfilterd \
		$(CARGO) test --locked --test soak -- --minutes $(SOAK_MINUTES) --write

# Each system call fails in each way at each place, and what becomes of it is judged.
# INJECTIONS may be some of them, as openat or sendto:ENOBUFS:3.
INJECTIONS = all

.PHONY: injection
injection:
	sh dev/need.sh build demo injection
	$(CARGO) build --release --locked
	NETFILTERD_PROGRAM=$(abspath $(built))/netfilterd NETFILTERD_INJECTIONS=$(INJECTIONS) \
		$(CARGO) test --locked --test injection -- --include-ignored --nocapture

# A .deb and a .rpm, whichever of the two this system is; the last lines say where.
tools = $(built)/../tools
.PHONY: package
package:
	sh dev/need.sh build package
	sh dev/package-tools.sh $(tools)
	$(CARGO) build --release --locked
	sh dev/package-stage.sh $(built)
	PATH="$$PATH:$(tools)/bin" $(CARGO) deb --no-build --no-strip --locked
	PATH="$$PATH:$(tools)/bin" $(CARGO) generate-rpm --auto-req builtin
	@ls -1 $(built)/../debian/*.deb $(built)/../generate-rpm/*.rpm

# Does not build: under sudo there is often no cargo, and what it builds belongs to root.
.PHONY: install
install:
	@[ -x $(built)/netfilterd ] || \
		{ echo 'make install: nothing is built yet; run make first, without sudo' >&2; exit 1; }
	install -d $(sbindir) $(mandir)/man5 $(mandir)/man8 $(docdir) $(cachedir)
	install -m 755 $(built)/netfilterd $(sbindir)/netfilterd
	install -m 644 man/netfilterd.8 $(mandir)/man8/netfilterd.8
	install -m 644 man/drop_ips.5 $(mandir)/man5/drop_ips.5
	install -d $(docdir)/rulesets
	install -m 644 README.md CHANGELOG.md contrib/netfilterd.init contrib/netfilterd.default \
		contrib/netfilterd.cron $(docdir)
	install -d $(docdir)/openrc
	install -m 644 $(wildcard contrib/openrc/*) $(docdir)/openrc
	install -m 644 $(wildcard rulesets/*) $(docdir)/rulesets
	install -d $(unitdir)
	for unit in $(units); do \
		sed 's|/usr/sbin/netfilterd|$(PREFIX)/sbin/netfilterd|' "contrib/systemd/$$unit" | \
			install -m 644 /dev/stdin "$(unitdir)/$$unit" || exit; done
	install -d $(libdir)/agents $(docdir)/agents $(docdir)/fleet
	install -m 755 $(agents) $(libdir)/agents
	install -m 644 $(modules) $(libdir)/agents
	install -m 755 contrib/fleet/pull $(libdir)/pull
	install -m 644 $(agent_pages) $(agent_units) $(docdir)/agents
	install -m 644 contrib/fleet/README.md $(fleet_units) $(docdir)/fleet
	sed -i 's|/usr/local/lib/netfilterd|$(PREFIX)/lib/netfilterd|' \
		$(patsubst %,$(docdir)/agents/%,$(notdir $(agent_units) $(agent_pages))) \
		$(patsubst %,$(docdir)/fleet/%,$(notdir $(fleet_units)) README.md)
	install -d $(dir $(bash) $(zsh) $(fish))
	$(built)/netfilterd completions bash >$(bash)
	$(built)/netfilterd completions zsh >$(zsh)
	$(built)/netfilterd completions fish >$(fish)

# Leaves the lists, and what is in force in the kernel.
.PHONY: uninstall
uninstall:
	rm -f $(sbindir)/netfilterd $(mandir)/man8/netfilterd.8 $(mandir)/man5/drop_ips.5
	rm -f $(bash) $(zsh) $(fish) $(addprefix $(unitdir)/,$(units))
	rm -rf $(docdir) $(libdir)
	@[ ! -d $(cachedir) ] || rmdir $(cachedir) 2>/dev/null || echo 'Left: your lists in $(cachedir)'
