# Sourced by a Carbon start script inside its restart loop, so that packs are applied before every start: the first one, and
# those that the server asks for itself with status 121. install-carbon-hook.sh puts it there.
# Reads CARBON_HOME, and PREPATCH_BOOT where prepatch-boot is not on the PATH. Sets no variable of the script.
# Status: 0, the server may start; else it must not, and the reason is on stderr and in repository/logs/patches.log.

if ! command -v "${PREPATCH_BOOT:-prepatch-boot}" >/dev/null 2>&1; then
  echo "prepatch-hook.sh: there is no ${PREPATCH_BOOT:-prepatch-boot}; set PREPATCH_BOOT, or put prepatch-boot on the PATH" >&2
  return 127
fi
"${PREPATCH_BOOT:-prepatch-boot}" --home "$CARBON_HOME" || return
