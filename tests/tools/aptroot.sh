# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Packages of another Debian suite or architecture, without touching the host:
# an apt root of its own (lists, state, cache) inside a cache folder, with the
# mirror, proxy and date settings of this machine.  Sourced by
# tests/linux/fetch.sh and tests/tools/fetch-qemu.sh.
#
# Rules: nothing outside ROOT is written; signatures are checked against the
# machine's debian-archive-keyring; a file appears under its final name only
# when it is complete.

aptroot_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

aptroot_die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# The URI of the machine's main Debian archive: the target of apt's own
# configuration whose release is the installed one.
aptroot_mirror() {
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
		awk -v r="$codename" '$1 == r && $2 == "main" { print $3; exit }'
}

# aptroot_init ROOT ARCH SUITE: make or reuse the root, set APT_CONFIG.
aptroot_init() {
	aptroot=$1
	aptroot_arch=$2
	aptroot_suite=$3
	for tool in apt-get apt-cache dpkg-deb; do
		command -v "$tool" >/dev/null || aptroot_die "needs $tool"
	done
	[ -r "$aptroot_keyring" ] || aptroot_die "needs the package debian-archive-keyring"
	mirror=$(aptroot_mirror)
	[ -n "$mirror" ] || aptroot_die "apt's configuration names no Debian archive"
	mkdir -p "$aptroot/etc/apt/apt.conf.d" "$aptroot/etc/apt/preferences.d" \
		"$aptroot/var/lib/dpkg" "$aptroot/var/lib/apt/lists/partial" \
		"$aptroot/var/cache/apt/archives/partial"
	: >"$aptroot/var/lib/dpkg/status"
	# The machine's way to its mirror, none of its hooks.
	apt-config dump | sed -n '/^Acquire::/{/IndexTargets/d;/Languages/d;p;}' \
		>"$aptroot/etc/apt/apt.conf"
	cat >>"$aptroot/etc/apt/apt.conf" <<-END
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	cat >"$aptroot/apt-root.conf" <<-END
		Dir "$aptroot";
		Dir::State::status "$aptroot/var/lib/dpkg/status";
		APT::Architecture "$aptroot_arch";
		APT::Architectures { "$aptroot_arch"; };
		APT::Sandbox::User "root";
		APT::Get::AllowUnauthenticated "false";
	END
	echo "deb [signed-by=$aptroot_keyring] $mirror $aptroot_suite main" \
		>"$aptroot/etc/apt/sources.list"
	APT_CONFIG=$aptroot/apt-root.conf
	export APT_CONFIG
}

aptroot_update() {
	apt-get update -qq >"$aptroot/update.log" 2>&1 || {
		cat "$aptroot/update.log" >&2
		aptroot_die "apt-get update for $aptroot_suite/$aptroot_arch failed"
	}
}

# aptroot_real META PATTERN: the package that META depends on and whose name
# matches the shell pattern.
aptroot_real() {
	apt-cache depends --important "$1" | awk '$1 == "Depends:" { print $2 }' |
		while read -r name; do
			# shellcheck disable=SC2254
			case $name in $2) echo "$name" && break ;; esac
		done
}

# aptroot_download DIR PACKAGE...: fetch these packages, not their
# dependencies, into DIR as PACKAGE.deb.
aptroot_download() {
	dest=$1
	shift
	mkdir -p "$dest"
	tmp=$dest/.partial.$$
	mkdir "$tmp"
	(cd "$tmp" && apt-get download -qq "$@") || {
		rm -rf "$tmp"
		aptroot_die "cannot download: $*"
	}
	for deb in "$tmp"/*.deb; do
		mv "$deb" "$dest/$(dpkg-deb -f "$deb" Package).deb"
	done
	rmdir "$tmp"
}

# aptroot_download_all DIR PACKAGE...: the same with all that they depend on.
aptroot_download_all() {
	dest=$1
	shift
	mkdir -p "$dest"
	apt-get install -qq -y --download-only --no-install-recommends "$@" \
		>"$aptroot/download.log" 2>&1 || {
		cat "$aptroot/download.log" >&2
		aptroot_die "cannot download: $*"
	}
	mv "$aptroot"/var/cache/apt/archives/*.deb "$dest/"
}
