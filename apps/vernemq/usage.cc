#include "vernemq/usage.h"

namespace vmq::launcher {

std::string_view version() { return VMQ_VERSION; }

std::string_view short_usage() {
    return "Usage: vernemq {start | stop | restart | console | ping | getpid | chkconfig |\n"
           "                config | doctor | store | backup | restore | version | help} [-c "
           "FILE]\n"
           "`vernemq console` runs the broker in this terminal; `vernemq help` explains the "
           "rest.\n";
}

std::string_view help() {
    return R"(vernemq - run and control a VerneMQ-compatible MQTT broker

USAGE
  vernemq COMMAND [-c FILE]

RUNNING
  console      Run in this terminal until Ctrl-C. Containers and systemd use it as well: it prints
               one line `listening on ADDRESS:PORT (mqtt)` for each listener when clients can
               connect, and with (http) for the status page. In a container (process 1, no
               terminal) it is what runs without a command.
  start        Run in the background. Returns when clients can connect, or says why they cannot.
               Prints nothing when all is well. What log.console sends to standard output goes to
               log.console.file instead.
  stop         Stop the broker in order: clients are told, the process has ended when `ok` appears.
  restart      stop, then start. The configuration is read first: with an error in it the running
               broker goes on.

  A running broker is administrated with vmq-admin: see `vmq-admin --help`.

ASKING
  ping         `pong` if the broker runs.
  getpid       The process id of the broker.
  version      The version of this program.
  doctor [--days=N] [--strict] [--format=json]
               Look for what is wrong or risky: limits of the system, files and their permissions,
               certificates that expire within N days (30), disk, memory, clock, ports, who may
               connect and do what. Says what to do about it. Exit status 1 if there are problems;
               with --strict also if there are warnings. The broker need not run.

CONFIGURATION
  chkconfig    Read the configuration as `start` would and list all that is wrong with it.
  config effective
               Every setting in force, and where it comes from. The output is itself a valid
               configuration file. Passwords appear as ******.
  config describe KEY
               What a setting does, what it accepts, its default, its value and whether this
               version makes use of it.
  config default
               A configuration file with every setting and its documentation, as packages install
               it.

STORE
  backup DIR   A consistent copy of the message store in DIR, which is made. The broker may run; the
               files are linked where the file system allows it.
  restore DIR  Puts the copy in DIR in the place of the message store, which must not be there. The
               broker must not run.
  store check  Read the whole store and list what is wrong with it. The broker must not run.
  store stats [--format=json]
               How much is in the store. The broker must not run.

OPTIONS
  -c FILE, --config FILE
               The configuration file, for every command: it also tells several brokers on one
               machine apart. Without it /etc/vernemq/vernemq.conf, else etc/vernemq.conf below
               the current folder. Without any file the broker listens on the loopback addresses
               only and asks for no password.
  -h, --help   This text.

EXIT STATUS
  0  done; the broker runs (ping, getpid, start), the configuration is good (chkconfig)
  1  it is not so; standard error says why

SIGNALS
  TERM, INT    Stop in order; the second one at once.
  HUP          Begin a new log file, for logrotate; load certificates anew; take over what has
               changed in the configuration file. The log says what, and what needs a restart.

FILES
  RUN/vernemq.pid, RUN/vernemq.ctl
               Process id and control socket of the broker of /etc/vernemq/vernemq.conf; that of
               another file is called vernemq-NUMBER. RUN is $VERNEMQ_RUN_DIR, else the first of
               /run/vernemq, $XDG_RUNTIME_DIR/vernemq and /tmp/vernemq-UID that can be written.

ENVIRONMENT
  VERNEMQ_RUN_DIR    See FILES.
  NOTIFY_SOCKET      Set by systemd (Type=notify): it is told when clients can connect.
  Any variable       $(NAME) in the configuration file stands for it.
)";
}

std::string_view config_usage() {
    return "The following commands can be used with `vernemq config`:\n"
           "  vernemq config effective          every setting in force and where it comes from\n"
           "  vernemq config describe VARIABLE  what a setting does and accepts\n"
           "  vernemq config default            a file with every setting and what it does\n";
}

std::string why_not(std::string_view command) {
    const std::string what = "vernemq " + std::string(command);
    if (command.starts_with("attach")) {
        return what +
               " does not apply: there is no Erlang shell. `vernemq console` runs the "
               "broker in the foreground, the log tells what it does.";
    }
    return what + " does not apply: this broker is one program and has no Erlang runtime.";
}

}  // namespace vmq::launcher
