#!/usr/bin/env python3
"""Ten million updates by three replica managers on loopback, one of which is away for a part of it: does memory
stay bounded? Samples the resident memory and the log of each process; writes DIR/soak.csv and DIR/soak.svg, and
prints what must be so: all three end up with the same and with empty logs, and those that stayed are back
within twice the memory that they had before.

    scripts/soak.py [UPDATES [AWAY-FROM AWAY-UNTIL]]    10000000 3000000 4000000
"""
import json, os, shutil, socket, subprocess, sys, tempfile, time

UPDATES, FROM, UNTIL = (int(n) for n in (sys.argv[1:4] + ["10000000", "3000000", "4000000"][len(sys.argv) - 1:]))
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHINWAG = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "chinwag")
PICTURE = os.environ.get("SOAK_DIR", os.path.join(ROOT, "target", "soak"))
CLIENTS, DRAIN_SECONDS, CAUGHT_UP = "64", 300, 50_000


def main():
    subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "chinwag"], cwd=ROOT, check=True)
    os.makedirs(PICTURE, exist_ok=True)
    work = tempfile.mkdtemp(dir=PICTURE)  # On the disk: /tmp may be memory, and counted.
    replicas, load = [], None
    try:
        write_configurations(work)
        replicas = [start(work, i) for i in range(3)]
        load = subprocess.Popen([CHINWAG, "bench", "update", "--config", f"{work}/cluster.toml", "--clients", CLIENTS,
                                 "--seconds", "3600", "--json"], stdout=subprocess.DEVNULL)
        rows = soak(work, replicas, load)
        write_table(rows)
        draw(rows)
        judge(rows)
    finally:
        for process in replicas + [load]:
            if process and process.poll() is None:
                process.kill()
        shutil.rmtree(work)


def write_configurations(work):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    addresses = json.dumps([f"127.0.0.1:{s.getsockname()[1]}" for s in sockets])
    common = f'cluster = "soak"\nservice = "kv"\nreplicas = {addresses}\n'
    open(f"{work}/cluster.toml", "w").write(common)
    for i in range(3):
        open(f"{work}/rm{i}.toml", "w").write(f'{common}[replica]\nid = {i}\ndata_dir = "rm{i}"\n')


def start(work, i):
    new = [] if os.path.exists(f"{work}/rm{i}") else ["--init"]
    return subprocess.Popen([CHINWAG, "replica", *new, "--config", f"{work}/rm{i}.toml", "--log", "error"])


def soak(work, replicas, load):
    """A row a second: time, updates held by rm0, then memory in MiB and log of each. Until all logs are empty."""
    rows, began, away, ended = [], time.time(), False, None
    while True:
        time.sleep(1)
        status = ask(work)
        held = sum(status[0]["replica_ts"]) if status[0] else rows[-1][1]
        now = time.time() - began
        rows.append([now, held] + [memory(p) for p in replicas] + [s["log"] if s else None for s in status])
        if os.environ.get("SOAK_VERBOSE"):
            print(*(x if isinstance(x, int) or x is None else round(x) for x in rows[-1]), file=sys.stderr)
        if not away and FROM <= held < UNTIL:
            replicas[2].kill()
            replicas[2].wait()
            away = True
        if away and held >= UNTIL and replicas[2].poll() is not None:
            replicas[2] = start(work, 2)
        if not ended and load.poll() is not None:
            sys.exit("the load ended before all updates were made")
        if not ended and held >= UPDATES:
            load.kill()
            ended = now
        if ended and all(s and s["log"] == 0 for s in status) and len({str(s["value_ts"]) for s in status}) == 1:
            return rows
        if ended and now > ended + DRAIN_SECONDS:
            sys.exit(f"not calm {DRAIN_SECONDS} s after the last update: {status}")


def ask(work):
    told = subprocess.run([CHINWAG, "status", "--json", "--config", f"{work}/cluster.toml"], capture_output=True, text=True)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    by_replica = {line["replica"]: line.get("status") for line in lines}
    return [by_replica.get(i) for i in range(3)]


def memory(process):
    if process.poll() is not None:
        return None
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def write_table(rows):
    with open(f"{PICTURE}/soak.csv", "w") as file:
        file.write("seconds,updates,rm0_mib,rm1_mib,rm2_mib,rm0_log,rm1_log,rm2_log\n")
        for row in rows:
            file.write(",".join("" if x is None else f"{x:.1f}" if isinstance(x, float) else str(x) for x in row) + "\n")


def draw(rows):
    width, height, left, bottom, top = 720, 300, 50, 40, 30
    most_memory = max(m for row in rows for m in row[2:5] if m)
    most_updates = rows[-1][1]
    x = lambda updates: left + (width - left - 20) * updates / most_updates
    y = lambda mib: height - bottom - (height - bottom - top) * mib / most_memory
    # Colours that are told apart by colour-blind people (Okabe and Ito).
    lines, colours = [], ["#0072B2", "#E69F00", "#009E73"]
    away = [row[1] for row in rows if row[4] is None]
    shade = f'<rect x="{x(away[0]):.0f}" y="{top}" width="{x(away[-1]) - x(away[0]):.0f}" height="{height - top - bottom}" fill="#eee"/>' \
            f'<text x="{(x(away[0]) + x(away[-1])) / 2:.0f}" y="{top - 4}" text-anchor="middle">rm2 is away</text>' if away else ""
    for i in range(3):
        parts, pen = [], "M"
        for row in rows:
            if row[2 + i] is None:
                pen = "M"
                continue
            parts.append(f"{pen}{x(row[1]):.1f},{y(row[2 + i]):.1f}")
            pen = "L"
        lines.append(f'<path d="{"".join(parts)}" fill="none" stroke="{colours[i]}" stroke-width="1.5"/>'
                     f'<text x="{left + 10 + 60 * i}" y="{top + 14}" fill="{colours[i]}">rm{i}</text>')
    ticks = "".join(f'<text x="{left - 6}" y="{y(most_memory * k / 4) + 4:.0f}" text-anchor="end">{most_memory * k / 4:.0f}</text>'
                    f'<text x="{x(most_updates * k / 4):.0f}" y="{height - bottom + 16}" text-anchor="middle">{most_updates * k / 4 / 1e6:.1f}</text>'
                    for k in range(5))
    open(f"{PICTURE}/soak.svg", "w").write(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="{width}" height="{height}" fill="white"/>{shade}'
        f'<path d="M{left},{top}V{height - bottom}H{width - 20}" fill="none" stroke="#888"/>{ticks}{"".join(lines)}'
        f'<text x="{left}" y="14">resident memory, MiB</text>'
        f'<text x="{width - 20}" y="{height - 6}" text-anchor="end">updates, millions</text></svg>\n')


def judge(rows):
    back = next(n for n, row in enumerate(rows) if row[1] >= UNTIL)
    calm = next(n for n in range(back, len(rows)) if all(log is not None and log < CAUGHT_UP for log in rows[n][5:8]))
    grew = False
    for i in range(3):
        before = max(row[2 + i] for row in rows if row[1] < FROM)
        until, after = (max(row[2 + i] or 0 for row in part) for part in (rows[:calm + 1], rows[calm:]))
        log = max(row[5 + i] or 0 for row in rows)
        print(f"rm{i}: {before:.0f} MiB at most before, {until:.0f} until all had caught up, {after:.0f} after; log {log:,} at most")
        grew |= after > 1.1 * until
    print(f"{rows[-1][1]:,} updates in {rows[-1][0]:.0f} s; all hold the same, and all logs are empty")
    if grew:
        sys.exit("memory grew although nobody was away")


main()
