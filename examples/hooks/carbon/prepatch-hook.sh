# Sourced by a Carbon start script inside its restart loop, so that packs are applied before every start: the first one, and
# those that the server asks for itself with status 121. install-carbon-hook.sh puts it there.
# Reads CARBON_HOME, and CARBON_BOOT_HOOK where prepatch-boot is not on the PATH. Sets no variable of the script.
# Status: 0, the server may start; else it must not, and the reason is on stderr and in repository/logs/patches.log.

if ! command -v "${CARBON_BOOT_HOOK:-prepatch-boot}" >/dev/null 2>&1; then
  echo "prepatch-hook.sh: there is no ${CARBON_BOOT_HOOK:-prepatch-boot}; set CARBON_BOOT_HOOK, or put prepatch-boot on the PATH" >&2
  return 127
fi
"${CARBON_BOOT_HOOK:-prepatch-boot}" --home "$CARBON_HOME" || return
