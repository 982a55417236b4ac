#!/bin/sh
# build.sh DIR: makes two homes of an Equinox server, and packs for them.
#   DIR/home                 starts every bundle in plugins
#   DIR/home-listed          starts what bundles.info lists, as Carbon and Eclipse do
#   DIR/packs/patch0001      the greeter in the same version with other content, under a name of its own
#   DIR/packs/patch0002      the greeter in version 1.0.1
# build.sh --check: says what is missing to build and run them; status 1 if anything is.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
framework=${EQUINOX:-/usr/share/java/eclipse-osgi.jar}
configurator=${SIMPLECONFIGURATOR:-/usr/share/java/equinox-simpleconfigurator.jar}

missing=
command -v javac >/dev/null 2>&1 && command -v jar >/dev/null 2>&1 || missing="$missing openjdk-17-jdk-headless"
[ -r "$framework" ] || missing="$missing libeclipse-osgi-java"
[ -r "$configurator" ] || missing="$missing libequinox-simpleconfigurator-java"
if [ -n "$missing" ]; then
  echo "build.sh: a Java compiler or Equinox is missing: apt-get install$missing" >&2
  exit 1
fi
[ "${1:-}" != --check ] || exit 0
[ $# -eq 1 ] || { echo "usage: build.sh DIR | build.sh --check" >&2; exit 2; }

mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)
classes=$out/classes
mkdir -p "$classes" "$out/packs/patch0001" "$out/packs/patch0002"
javac --release 11 -nowarn -classpath "$framework" -d "$classes" "$here/src/org/example/greeter/Activator.java"

# build_greeter VERSION GREETING JAR
build_greeter() {
  printf '%s\n' "$2" > "$classes/org/example/greeter/greeting.txt"
  cat > "$out/MANIFEST.MF" <<END
Bundle-ManifestVersion: 2
Bundle-SymbolicName: org.example.greeter;singleton:=true
Bundle-Version: $1
Bundle-Activator: org.example.greeter.Activator
Import-Package: org.osgi.framework
END
  jar --create --file "$3" --manifest "$out/MANIFEST.MF" -C "$classes" .
}

for name in home home-listed; do
  components=$out/$name/repository/components
  mkdir -p "$out/$name/bin" "$components/plugins" "$components/patches" "$components/servicepacks" \
    "$components/default/configuration" "$out/$name/repository/logs"
  cp "$here/server.sh" "$out/$name/bin/"
  cp "$framework" "$out/$name/bin/org.eclipse.osgi.jar"
done

build_greeter 1.0.0 'hello' "$out/home/repository/components/plugins/org.example.greeter_1.0.0.jar"
cp "$out/home/repository/components/plugins/"*.jar "$out/home-listed/repository/components/plugins/"
build_greeter 1.0.0 'hello, patched' "$out/packs/patch0001/greeter-fix.jar"
build_greeter 1.0.1 'hello, and welcome' "$out/packs/patch0002/greeter-1.0.1.jar"

# The configurator is itself a plugin. bundles.info: name, version, location, start level, started.
components=$out/home-listed/repository/components
cp "$configurator" "$components/plugins/org.eclipse.equinox.simpleconfigurator_1.4.200.jar"
mkdir -p "$components/default/configuration/org.eclipse.equinox.simpleconfigurator"
cat > "$components/default/configuration/org.eclipse.equinox.simpleconfigurator/bundles.info" <<'END'
#version=1
org.example.greeter,1.0.0,../plugins/org.example.greeter_1.0.0.jar,4,true
END
rm -rf "$classes" "$out/MANIFEST.MF"
