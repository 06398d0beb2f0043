#!/bin/bash
# Follows the README on a bare Debian: as root and as an ordinary user, with and without a display, with user namespaces
# denied; and installs the relay as an administrator does. Makes the Debian by debootstrap in a temporary folder, which
# goes at the end. Run it as root on Debian, from the project's folder: build/bare-debian.sh
# Node.js and npm are taken from this machine, as the README has them installed first.
set -uo pipefail
cd "$(dirname "$0")/.."
project=$PWD
work=$(mktemp -d)
debian=$work/debian
passed=0
failed=0
# Nobody else's: what is left running of this user is ended.
uid=61234

cleanup() {
  pkill -KILL -u $uid
  for mount in dev/shm dev/pts dev proc; do
    umount "$debian/$mount" 2>/dev/null || umount --lazy "$debian/$mount" 2>/dev/null
  done
  # Never through what is still mounted.
  if grep -q " $debian/" /proc/mounts; then echo "$debian is still in use: remove it by hand."; else rm -rf "$work"; fi
}
trap cleanup EXIT

say() { printf '\n== %s\n' "$*"; }
# check NAME PATTERN STATUS COMMAND...: whether it prints the pattern and ends with the status ("any": whichever)
check() {
  local name=$1 pattern=$2 status=$3 output code
  shift 3
  output=$("$@" 2>&1 </dev/null)
  code=$?
  printf '%s\n' "$output" | tail -n 12 | sed 's/^/   | /'
  if { [ "$status" = any ] || [ "$code" = "$status" ]; } && grep -Eq -- "$pattern" <<<"$output"; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name (ended with $code, wanted $status and \"$pattern\")"
  fi
}
# Within the Debian, with little in the environment, as a login has it.
as_root() { chroot "$debian" env -i HOME=/root PATH="$path" LANG=C.UTF-8 "${more[@]}" bash -c "cd ~/signet && $1"; }
as_user() {
  chroot "$debian" setpriv --reuid=$uid --regid=$uid --clear-groups \
    env -i HOME=/home/user PATH="$path" LANG=C.UTF-8 "${more[@]}" bash -c "cd ~/signet && $1"
}
more=()
path=/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say 'A bare Debian'
mirror=$(grep -rhoE '(URIs: *|^deb (\[[^]]*\] *)?)https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
  grep -oE 'https?://[^ ]+/debian/?$' | head -n 1)
debootstrap --variant=minbase --include=ca-certificates bookworm "$debian" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1 ||
  { tail -n 5 "$work/debootstrap.log"; exit 1; }
for file in /etc/apt/apt.conf.d/*proxy* /etc/resolv.conf /etc/hosts; do
  [ -e "$file" ] && cp -L "$file" "$debian$file"
done
cp -a /etc/apt/sources.list* "$debian/etc/apt/" 2>/dev/null
cp -a /etc/ssl/certs/. "$debian/etc/ssl/certs/" 2>/dev/null
mount --bind /proc "$debian/proc"
mount --bind /dev "$debian/dev"
mount --bind /dev/pts "$debian/dev/pts"
mount -t tmpfs tmpfs "$debian/dev/shm"
mkdir -p "$debian/opt/node/bin" "$debian/opt/node/lib"
node=$(command -v node)
cp -L "$node" "$debian/opt/node/bin/node"
cp -a "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$debian/opt/node/lib/npm"
printf '#!/bin/sh\nexec node /opt/node/lib/npm/bin/npm-cli.js "$@"\n' >"$debian/opt/node/bin/npm"
chmod 755 "$debian/opt/node/bin/npm"
for file in ~/.npmrc /etc/npmrc "$(npm config get globalconfig)"; do
  [ -f "$file" ] && cp "$file" "$debian/root/.npmrc" && break
done
chroot "$debian" useradd --create-home --uid $uid --shell /bin/bash user
for home in root home/user; do
  mkdir -p "$debian/$home/signet"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$debian/$home/signet"
done
[ -f "$debian/root/.npmrc" ] && cp "$debian/root/.npmrc" "$debian/home/user/.npmrc"
chroot "$debian" chown -R user:user /home/user
passing=$(env | grep -iE '^(npm_config_|https?_proxy|no_proxy|node_extra_ca_certs)' || true)
[ -n "$passing" ] && mapfile -t more <<<"$passing"
check 'Node.js and npm are there' '^v2[0-9]\.' 0 as_root 'node --version && npm --version'

say 'An ordinary user: what is missing is asked for once, before anything is installed'
check 'npm start asks for all packages in one line' "apt-get update && apt-get install .*chromium chromium-sandbox" 1 as_user 'npm start'
line=$(as_user 'npm start' 2>&1 </dev/null | grep -o "sudo sh -c '.*'" | sed "s/^sudo sh -c '//; s/'\$//")
check 'nothing was installed yet' 'none yet' 0 as_user '[ ! -e node_modules ] && echo none yet'
check 'the line works' 'Setting up chromium' 0 as_root "export DEBIAN_FRONTEND=noninteractive; $line"

say 'An ordinary user, without a display'
check 'npm run relay installs little, without a page of warnings' 'Stores and forwards sealed messages' 0 as_user 'npm run relay -- --help'
check 'that is no tenth of a gigabyte beside Node.js' '^ok' 0 as_user 'n=$(du -sm --exclude=node_modules/node node_modules | cut -f1); [ "$n" -lt 100 ] && echo "ok $n MB"'
check 'no warnings about engines' 'none' 0 as_user 'rm -rf node_modules; npm run relay -- --version 2>&1 | grep EBADENGINE || echo none'
check 'npm run example' 'found the message: 65' 0 as_user 'npm run --silent example textbook-rsa'
check 'npm run chat says what a new profile needs' 'This profile is new. Add --name NAME' 1 as_user \
  'echo secret >pw; SIGNET_KEYRING_PASSWORD_FILE=$PWD/pw npm run --silent chat -- --profile ~/alice --json'
check 'two console clients chat through a relay' '"text":"Hello Bob"' 0 as_user '
  export SIGNET_KEYRING_PASSWORD_FILE=$PWD/pw
  npm run --silent relay -- --json --port 17443 --data ~/relay >~/relay.log 2>~/relay.err & relay=$!
  until [ -s ~/relay.log ]; do sleep 0.2; done
  export SIGNET_INVITE=$(sed "s/.*\"invite\":\"//; s/\".*//" ~/relay.log)
  heard() { timeout 90 sh -c "until grep -q \"\$1\" $2 2>/dev/null; do sleep 0.2; done" sh "$1"; }
  { heard Hello ~/bob.log; echo "{\"do\":\"quit\"}"; } | npm run --silent chat -- --profile ~/bob --name bob --json >~/bob.log &
  bob=$!
  heard online ~/bob.log
  { echo "{\"do\":\"send\",\"to\":\"bob\",\"text\":\"Hello Bob\"}"; heard Hello ~/bob.log; echo "{\"do\":\"quit\"}"; } |
    npm run --silent chat -- --profile ~/alice --name alice --json >~/alice.log
  wait $bob; grep message ~/bob.log'
pkill -KILL -u $uid
check 'npm start without a display shows the demonstration' 'there is no display|no display here' 0 as_user 'npm start'

say 'An ordinary user, with a display'
as_root 'apt-get install -y --no-install-recommends xvfb xauth' >/dev/null 2>&1
window='timeout --signal=TERM 60 xvfb-run -a npm start'
check 'npm start opens a window, with the sandbox' 'with a window of Chromium' any as_user "$window -- --profile ~/window"
check 'Chromium has said nothing' 'silent' 0 as_user "$window -- --profile ~/window 2>&1 | grep -i 'has ended' || echo silent"
# Denied as some systems do it: a limit of none.
denied() {
  local before
  before=$(cat /proc/sys/user/max_user_namespaces)
  echo 0 >/proc/sys/user/max_user_namespaces
  "$@"
  local code=$?
  echo "$before" >/proc/sys/user/max_user_namespaces
  return $code
}
check 'the same without user namespaces' 'silent' 0 denied as_user "$window -- --profile ~/window 2>&1 | grep -i 'has ended' || echo silent"
mv "$debian/usr/lib/chromium/chrome-sandbox" "$work/chrome-sandbox"
check 'without any sandbox it says so, and what helps' 'No usable sandbox|chromium-sandbox' 1 denied as_user "$window -- --profile ~/window"
mv "$work/chrome-sandbox" "$debian/usr/lib/chromium/chrome-sandbox"

say 'root: everything is installed without a question'
check 'npm test runs' '0 failed' 0 as_root 'npm test -- tests/protocol'
check 'npm start, with a display' 'with a window of Chromium' any as_root "$window"
check 'npm run demo, without' 'The end|out/demo|relay' 0 as_root 'npm run demo'

say 'The relay, as an administrator installs it'
check 'npm run dist:relay' 'signet-relay_.*\.deb' 0 as_root 'npm run dist:relay'
check 'apt install' 'Setting up signet-relay' 0 as_root 'apt-get install -y --no-install-recommends ./dist/signet-relay_*.deb'
check 'its user' 'signet-relay' 0 as_root 'id signet-relay'
check 'it serves, is checked and backed up' 'this relay answers on port 17443' 0 as_root '
  install -d -m 700 -o signet-relay -g signet-relay /var/lib/signet-relay
  setpriv --reuid=signet-relay --regid=signet-relay --clear-groups signet-relay --port 17443 --data /var/lib/signet-relay & relay=$!
  sleep 3; signet-relay backup --data /var/lib/signet-relay /root/relay.backup
  signet-relay check --port 17443 --data /var/lib/signet-relay; code=$?; kill $relay; wait $relay; exit $code'
check 'what root did leaves the relay its files' 'ok' 0 as_root \
  '[ -z "$(find /var/lib/signet-relay ! -user signet-relay)" ] && echo ok'
check 'remove keeps the data' 'relay.sqlite' 0 as_root 'apt-get remove -y signet-relay >/dev/null 2>&1; ls /var/lib/signet-relay'
check 'purge takes them' 'gone' 0 as_root 'apt-get purge -y signet-relay >/dev/null 2>&1; [ ! -e /var/lib/signet-relay ] && ! id signet-relay 2>/dev/null && echo gone'
check 'the executable runs in the folder it lies in' 'listens on port' any as_root \
  'cd dist && timeout 3 ./signet-relay --port 17443'

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
