# The life of the package in a clean Debian. In mount, network and process namespaces of its own:
# $1 the clean root, which is left as it is, $2 the package, $3 the same of a later version.

base=$1 package=$2 later=$3
config=/etc/clusterer/clusterer.toml

step() { echo "trial: $*"; }
fail() { echo "trial: FAILED: $*" >&2; exit 1; }

# Nothing that is mounted or written here is seen, or stays.
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
root=/mnt/root
mount -t overlay -o "lowerdir=$base,upperdir=/mnt/upper,workdir=/mnt/work" overlay "$root" 2>/dev/null ||
    { mount -t tmpfs tmpfs "$root" && cp -a "$base/." "$root"; }
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
ip link set lo up
cp "$package" "$root/now.deb"
cp "$later" "$root/later.deb"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"; }
as() { user=$1; shift; inside runuser -u "$user" -- "$@"; }
is() { [ "$(inside stat -c '%U:%G %a' "$1")" = "$2" ] || fail "$1 is $(inside stat -c '%U:%G %a' "$1"), not $2"; }
ctl() { as "$1" clustererctl --mi "$2" "$3"; }
start() {
    as clusterer clustererd --config $config >>"$root/log" 2>&1 &
    daemon=$!
    tries=0
    until ctl root fifo:/run/clusterer/mi.fifo version >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] && kill -0 $daemon 2>/dev/null || { cat "$root/log" >&2; fail "the daemon does not answer"; }
        sleep 0.1
    done
}
stop() {
    # The daemon itself; what runs here for it hands on how it ended. Nobody else's processes are seen.
    for it in "$root"/proc/[0-9]*; do
        if [ "$(cat "$it/comm" 2>/dev/null)" = clustererd ]; then kill -TERM "${it##*/}"; fi
    done
    wait $daemon || fail "it ended with $?"
}

step "install"
inside dpkg --install /now.deb
is $config "root:clusterer 640"
is /run/clusterer "clusterer:clusterer 755"
is /var/lib/clusterer "clusterer:clusterer 750"
as clusterer clustererd check-config --config $config
as nobody clustererd check-config --config $config 2>/dev/null && fail "everybody reads the configuration"

for file in prometheus/clusterer.rules.yml prometheus/prometheus.yml grafana/clusterer.json; do
    inside test -r /usr/share/clusterer/$file || fail "$file is missing"
done

step "run, with the configuration as it comes"
url=sqlite:///var/lib/clusterer/clusterer.db
as clusterer clustererctl db init --db-url $url
as clusterer clustererctl db add --db-url $url --cluster-id 1 --machine-id 1 --url bin:127.0.0.1:5566
start
ctl root fifo:/run/clusterer/mi.fifo which | grep -q clusterer_reload || fail "no clusterer_reload"
ctl nobody http://127.0.0.1:8888/mi which >/dev/null
ctl nobody fifo:/run/clusterer/mi.fifo which 2>/dev/null && fail "everybody may write to the FIFO"
is /run/clusterer/mi.fifo "clusterer:clusterer 660"

step "upgrade while it runs, twice: the configuration stays"
sed -i 's/^level = "info"/level = "warn"/' "$root$config"
inside dpkg --install /later.deb
inside dpkg --install /later.deb
grep -q '^level = "warn"' "$root$config" || fail "the configuration was replaced"
is $config "root:clusterer 640"
ctl root fifo:/run/clusterer/mi.fifo version >/dev/null || fail "the daemon is gone"
stop
start
stop

step "remove: the configuration and the database stay"
inside dpkg --remove clusterer
[ ! -e "$root/usr/bin/clustererd" ] || fail "the program is still there"
[ -e "$root$config" ] && [ -e "$root/var/lib/clusterer/clusterer.db" ] || fail "too much was removed"

step "purge: nothing stays but the user"
inside dpkg --purge clusterer
for left in /etc/clusterer /run/clusterer /var/lib/clusterer /usr/share/clusterer /usr/share/doc/clusterer; do
    [ ! -e "$root$left" ] || fail "$left is still there"
done

step "install again, and purge at once"
inside dpkg --install /now.deb
inside dpkg --purge clusterer
