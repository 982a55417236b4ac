#!/bin/sh
# server.sh [--once]: starts Equinox on the home that this script lies in the bin of. A signal stops it; --once stops
# it as soon as every bundle is started. Where bundles.info is present it says what is started, else every plugin is.
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
components=$home/repository/components
configuration=$components/default/configuration
listed=$configuration/org.eclipse.equinox.simpleconfigurator/bundles.info

bundles=
if [ -f "$listed" ]; then
  for jar in "$components"/plugins/org.eclipse.equinox.simpleconfigurator_*.jar; do
    bundles="reference:file:$jar@1:start"
  done
else
  for jar in "$components"/plugins/*.jar; do
    [ ! -f "$jar" ] || bundles="$bundles${bundles:+,}reference:file:$jar@4:start"
  done
fi

once=false
[ "${1:-}" != --once ] || once=true

# osgi.clean: the framework must not take a bundle of the same name and version from its own cache.
exec java \
  -Dosgi.install.area="file:$components/default" \
  -Dosgi.configuration.area="file:$configuration" \
  -Dosgi.instance.area=@none \
  -Dosgi.bundles="$bundles" \
  -Dosgi.startLevel=10 \
  -Dosgi.logfile="$home/repository/logs/osgi.log" \
  -Dosgi.clean=true \
  -Declipse.ignoreApp=true \
  -Dgreeter.once="$once" \
  -Dorg.eclipse.equinox.simpleconfigurator.configUrl="file:$listed" \
  -jar "$home/bin/org.eclipse.osgi.jar"
