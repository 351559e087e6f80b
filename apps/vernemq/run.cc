#include "vernemq/run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "admin/api_key_store.h"
#include "admin/commands/table.h"
#include "admin/control_service.h"
#include "admin/graphite.h"
#include "admin/http_config.h"
#include "admin/http_server.h"
#include "admin/systree.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "broker/broker.h"
#include "broker/cluster_options.h"
#include "broker/inspect.h"
#include "broker/options_from_config.h"
#include "broker/publisher.h"
#include "runtime/guarded.h"
#include "transport/stream_listener.h"
#include "vernemq/cluster_follower.h"
#include "vernemq/configuration.h"
#include "vernemq/control.h"
#include "vernemq/live_config.h"
#include "vernemq/node_commands.h"
#include "vernemq/plugins.h"
#include "vernemq/process_log.h"
#include "vernemq/question_desk.h"
#include "vernemq/running_node.h"
#include "vernemq/systemd.h"
#include "vernemq/usage.h"
#include "vernemq/watchdog.h"

namespace vmq::launcher {
namespace {

constexpr rlim_t kRecommendedFiles = 65'536;

/// What was found out before anything is started.
struct Plan {
    std::optional<std::string> file;
    std::shared_ptr<const config::Config> config;
    broker::ConfiguredBroker broker;
    admin::ConfiguredHttp http;
    std::vector<std::string> warnings;  // of both
};

/// Nobody has asked for these listeners by name: a machine without IPv6, or whose port 8080 is
/// taken, is no reason not to start.
void drop_listeners_that_cannot_be(Plan& plan) {
    std::erase_if(plan.broker.options.listeners, [&](const broker::ListenerOptions& listener) {
        const bool websocket = listener.kind == broker::ListenerKind::MqttWs;
        transport::ListenOptions probe = listener.socket;
        if (!websocket) probe.port = 0;
        const auto opened = transport::open_listeners(probe, 1);
        if (opened) ::close(opened.value()[0]);
        if (!opened && websocket) {
            plan.warnings.push_back(
                "no MQTT over WebSocket, which the test client of the status "
                "page needs: " +
                opened.error().detail);
        }
        return !opened;
    });
}

std::optional<Plan> make_plan(const CommandLine& line) {
    Plan plan;
    plan.file = choose_config_file(line.config_file);
    plan.config = load_config(plan.file);
    if (!plan.config) return std::nullopt;
    plan.broker = broker::options_from_config(*plan.config);
    plan.http = admin::http_from_config(*plan.config);
    plan.warnings = plan.broker.warnings;
    plan.warnings.insert(plan.warnings.end(), plan.http.warnings.begin(), plan.http.warnings.end());
    if (!plan.file) drop_listeners_that_cannot_be(plan);
    for (const auto& warning : plan.warnings) fmt::print(stderr, "warning: {}\n", warning);
    return plan;
}

void raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
        (void)::getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= kRecommendedFiles) return;
    fmt::print(stderr,
               "!!!!\n!!!! WARNING: ulimit -n is {}; {} is the recommended minimum.\n!!!!\n",
               limit.rlim_cur, kRecommendedFiles);
}

std::string endpoint_of(const std::string& address, std::uint16_t port) {
    if (address.find('/') != std::string::npos || port == 0) return "local:" + address;
    const bool v6 = address.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

std::string full_path(const std::string& path) {
    std::error_code error;
    const auto full = std::filesystem::absolute(path, error);
    return error ? path : full.lexically_normal().string();
}

void print_first_steps(const broker::Broker& broker, const admin::HttpServer& http) {
    const auto listeners = broker.listeners().all();
    if (listeners.empty()) return;
    const broker::Listener& listener = *listeners.front();
    fmt::print(
        "There is no configuration file: programs on this machine can connect, without a "
        "password.\n");
    const bool websocket = std::ranges::any_of(listeners, [](const broker::Listener* one) {
        return one->kind == broker::ListenerKind::MqttWs;
    });
    if (const auto served = http.snapshot(); !served.empty()) {
        const auto& page = served.front();
        fmt::print(
            "Open http://{}/status in a browser: what the broker does{}.\n",
            endpoint_of(page.address, page.port),
            websocket ? ", and under \"Try it\" a client to subscribe and publish with" : "");
    }
    fmt::print(
        "Or try it in two other terminals (Debian: apt install mosquitto-clients):\n"
        "  mosquitto_sub -h {0} -p {1} -t 'hello/#' -v\n"
        "  mosquitto_pub -h {0} -p {1} -t hello/world -m 'first message'\n"
        "To let other machines in, write these lines to vernemq.conf and run "
        "`vernemq console -c vernemq.conf`:\n"
        "  listener.tcp.default = 0.0.0.0:1883\n"
        "  vmq_passwd.password_file = vmq.passwd    # made by `vmq-passwd -c vmq.passwd NAME`\n",
        listener.address, listener.port);
}

/// The signals that this program waits for, held back from every thread.
sigset_t hold_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    return signals;
}

/// From now on INT and TERM end the process at once; in a container nothing else would.
void stop_at_next_signal(const sigset_t& signals) {
    struct sigaction action{};
    action.sa_handler = [](int signal) { ::_exit(128 + signal); };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::signal(SIGHUP, SIG_IGN);
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

/// Returns when the broker is to stop: by a signal, or because `asked`, an eventfd, says so.
void wait_for_stop(int asked, int signals, const std::function<void()>& reload) {
    const bool had_terminal = ::isatty(STDIN_FILENO) != 0;
    std::array<pollfd, 2> polled{{{signals, POLLIN, 0}, {asked, POLLIN, 0}}};
    for (;;) {
        if (::poll(polled.data(), polled.size(), -1) < 0) continue;
        if ((polled[1].revents & POLLIN) != 0) return;
        if ((polled[0].revents & POLLIN) == 0) continue;
        signalfd_siginfo signal{};
        if (::read(signals, &signal, sizeof signal) != sizeof signal) continue;
        if (signal.ssi_signo != SIGHUP) return;
        // A closed terminal sends the same signal as logrotate.
        if (had_terminal && ::isatty(STDIN_FILENO) == 0) return;
        notify_reloading();
        reload();
        notify_systemd("READY=1");
    }
}

/// Where metrics go without being asked for.
struct MetricsOutputs {
    admin::Systree systree;
    admin::GraphiteSender graphite;

    /// Any thread.
    void apply(const config::Config& config) {
        systree.apply(config.systree());
        graphite.apply(config.graphite());
    }
};

/// Certificates, files of plugins, and the settings that may change while the broker runs.
void reload(const Plan& plan, broker::Broker& broker, broker::ClusterService* cluster,
            admin::HttpServer& http, LiveConfig& live) {
    broker.listeners().reload_tls(true);
    if (cluster != nullptr) cluster->reload_tls();
    http.reload_tls(true);
    if (!plan.file) return live.reload(nullptr);
    config::DiskFiles files;
    config::LoadResult loaded = config::Config::load(files, *plan.file);
    for (const auto& error : loaded.errors) {
        log::error("{}; everything stays as it is", config::to_string(error));
    }
    live.reload(std::move(loaded.config));
}

/// Requests of vernemq itself; empty: it is none of them.
std::string answer_request(RunningNode& node, std::string_view request) {
    constexpr std::string_view kBackup = "backup ";
    if (request == "ping") return "pong";
    if (request == "getpid") return std::to_string(::getpid());
    if (request == "version") return std::string(version());
    if (!request.starts_with(kBackup)) return {};
    const auto copied = node.backup(std::string(request.substr(kBackup.size())));
    return copied ? "ok" : copied.error().detail;
}

/// Connections of those who wait for the end of the process.
using Waiters = std::deque<Descriptor>;

admin::ControlService::Actions actions_of(RunningNode& node, int stop,
                                          runtime::Guarded<Waiters>& waiters) {
    admin::ControlService::Actions actions;
    actions.command = [&node](const std::vector<std::string>& words, bool terminal) {
        return admin::commands::execute(words, terminal, node);
    };
    actions.request = [&node](std::string_view line) { return answer_request(node, line); };
    actions.stop = [stop, &waiters](int waiter) {
        waiters.with([waiter](Waiters& all) { all.emplace_back(waiter); });
        (void)::eventfd_write(stop, 1);
    };
    return actions;
}

void replace_by_null(int descriptor) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return;
    ::dup2(null, descriptor);
    ::close(null);
}

/// Tells the parent that clients can connect, and lets go of its terminal.
void detach(int ready, const config::LogSettings& log) {
    replace_by_null(STDOUT_FILENO);
    const Descriptor crash(open_crash_file(log));
    if (crash.get() >= 0) {
        ::dup2(crash.get(), STDERR_FILENO);
    } else {
        replace_by_null(STDERR_FILENO);
    }
    (void)!::write(ready, "1", 1);
    ::close(ready);
}

/// `log_file`: empty without one.
void announce(const broker::Broker& broker, const broker::ClusterService* cluster,
              const admin::HttpServer& http, const Plan& plan, const std::string& log_file,
              bool background) {
    if (!background && !log_file.empty()) fmt::print("the log is in {}\n", full_path(log_file));
    const auto opened = [&](std::string_view key, std::string_view protocol,
                            const std::string& name, const std::string& endpoint) {
        log::info("listener.{}.{} listens on {}", key, name, endpoint);
        if (!background) fmt::print("listening on {} ({})\n", endpoint, protocol);
    };
    for (const broker::Listener* listener : broker.listeners().all()) {
        opened(broker::word_of(listener->kind), broker::type_of(listener->kind), listener->name,
               endpoint_of(listener->address, listener->port));
    }
    for (const auto& listener : http.snapshot()) {
        opened(listener.type, listener.type, listener.name,
               endpoint_of(listener.address, listener.port));
    }
    if (cluster != nullptr) {
        for (const auto& listener : cluster->listeners()) {
            const std::string kind = listener.tls_files ? "vmqs" : "vmq";
            opened(kind, kind, listener.name,
                   endpoint_of(listener.where.address, listener.where.port));
        }
    }
    if (!background && !plan.file) print_first_steps(broker, http);
    std::fflush(stdout);
}

/// Tables that grew and moved go back to the system: by default glibc would keep ever larger ones.
void limit_kept_memory() {
    // Before there are other threads. NOLINTNEXTLINE(concurrency-mt-unsafe)
    ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    ::mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/// `cluster` stays empty without a clustering listener. `stop`: an eventfd that ends the program.
Result<void> prepare_cluster(const config::Config& config, broker::Broker& broker, LiveConfig& live,
                             ClusterFollower& follower, QuestionDesk& desk,
                             std::optional<broker::ClusterService>& cluster, int stop) {
    std::vector<std::string> warnings;
    auto options = broker::cluster_options_from_config(config, warnings);
    for (const auto& warning : warnings) {
        log::warning("{}", warning);
        fmt::print(stderr, "warning: {}\n", warning);
    }
    if (!options) return options.error();
    if (!options.value()) return {};
    options.value()->serve_question = [&desk](std::string question, auto give) {
        desk.serve(std::move(question), std::move(give));
    };
    options.value()->on_shared_facts = [&](std::vector<broker::SharedFact> changes) {
        follower.on_changes(std::move(changes));
    };
    cluster.emplace(broker, std::move(*std::move(options).value()));
    // As in VerneMQ a node that has left ends.
    cluster->on_left([stop] { (void)::eventfd_write(stop, 1); });
    live.on_change([&cluster](const config::Config& now) {
        cluster->set_netsplit_policy(now.node().netsplit_policy);
    });
    return cluster->prepare();
}

int not_started(const Error& error) {
    log::error("{}", error.detail);
    fmt::print(stderr, "error: {}\n", error.detail);
    return 1;
}

/// `ready`: descriptor of the waiting parent, -1 in the foreground.
int run(const Plan& plan, int ready) {
    const bool background = ready >= 0;
    // Closed after everything else: who sees it may start the next broker at once.
    runtime::Guarded<Waiters> waiters;
    auto control = ControlServer::claim(plan.file);
    if (!control) {
        const bool running = control.error().code == ErrorCode::AddressInUse;
        if (running && !background) {
            fmt::print("Node is already running - stop it first with `vernemq stop`\n");
        } else {
            fmt::print(stderr, "{}{}\n", running ? "" : "error: ", control.error().detail);
        }
        return 1;
    }
    const sigset_t signals = hold_signals();  // before there is any other thread
    const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    std::vector<std::string> log_warnings;
    auto log = ProcessLog::start(plan.config->log(), plan.config->node().nodename, background,
                                 log_warnings);
    if (!log) {
        fmt::print(stderr, "error: {}\n", log.error().detail);
        return 1;
    }
    ProcessLog& process_log = *log.value();
    for (const auto& warning : log_warnings) {
        log::warning("{}", warning);
        fmt::print(stderr, "warning: {}\n", warning);
    }
    raise_file_limit();
    limit_kept_memory();
    Plugins plugins(plan.config->plugins(), plan.config->mqtt().topic_max_depth);
    broker::Broker broker(plan.broker.options);
    log::info("vernemq {}, node {}, {} shards, configuration {}", version(),
              plan.config->node().nodename, broker.shard_count(), plan.file.value_or("built in"));
    for (const auto& warning : plan.warnings) log::warning("{}", warning);
    LiveConfig live(
        plan.config, broker,
        [&plugins](const config::PluginSettings& settings) { plugins.reload(settings); },
        [&process_log](const config::LogSettings& settings) { process_log.apply(settings); });
    if (const auto attached = plugins.attach(broker); !attached) {
        return not_started(attached.error());
    }
    live.tell_all_settings();
    for (const auto& warning : plugins.warnings()) {
        log::warning("{}", warning);
        if (!background) fmt::print(stderr, "warning: {}\n", warning);
    }
    admin::ApiKeyStore keys(plan.http.key_file, plan.config->node().nodename, plan.http.key_rules);
    if (!keys.problem().empty()) log::error("{}", keys.problem());
    ClusterFollower follower(live, keys);
    QuestionDesk desk;
    std::optional<broker::ClusterService> cluster;
    const Descriptor asked_to_stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    broker.before_listening([&] {
        return prepare_cluster(*plan.config, broker, live, follower, desk, cluster,
                               asked_to_stop.get());
    });
    if (const auto started = broker.start(); !started) return not_started(started.error());
    plugins.start();
    if (cluster) {
        cluster->start();
        follower.start(*cluster);
    }
    const broker::Inspector inspector(broker, plan.config->node().nodename, std::string(version()));
    admin::MetricsCollector collector(plan.config->node().nodename);
    collector.add([&inspector](metrics::Snapshot& snapshot) {
        for (auto& sample : broker::metrics_of(inspector.snapshot())) {
            snapshot.push_back(std::move(sample));
        }
    });
    collector.add(
        [&broker](metrics::Snapshot& snapshot) { broker::add_hook_metrics(broker, snapshot); });
    admin::HttpServer http(
        plan.http.options, [&inspector] { return inspector.snapshot(); }, collector, keys);
    collector.add([&http](metrics::Snapshot& snapshot) { http.add_metrics(snapshot); });
    collector.add([&plugins](auto& snapshot) { plugins.add_metrics(snapshot); });
    if (cluster) collector.add([&cluster](auto& snapshot) { cluster->add_metrics(snapshot); });
    collector.add([&process_log](auto& snapshot) { process_log.add_metrics(snapshot); });
    live.on_http_change([&http](const config::Config& config) {
        const auto configured = admin::http_from_config(config);
        for (const auto& warning : configured.warnings) log::warning("{}", warning);
        http.reconfigure(configured.options.listeners);
    });
    RunningNode node(broker, cluster ? &*cluster : nullptr, inspector, collector, plugins, live,
                     follower, http, keys, process_log);
    desk.open([&node](const std::string& question) { return node.answer(question); });
    http.serve_commands(node);
    if (const auto started = http.start(); !started) {
        if (plan.file) {
            desk.close();
            follower.stop();
            plugins.stop_watching();
            broker.stop();
            plugins.stop();
            return not_started(started.error());
        }
        // Nobody has asked for this port by name, and MQTT does not need it.
        log::warning("no status page: {}", started.error().detail);
        fmt::print(stderr, "warning: no status page: {}\n", started.error().detail);
    }
    const broker::Publisher publisher(broker);
    MetricsOutputs outputs{
        {plan.config->systree(), collector,
         [&publisher](auto messages) { publisher.publish(std::move(messages)); }},
        {plan.config->graphite(), collector}};
    live.on_change([&keys, &outputs, &cluster](const config::Config& config) {
        if (cluster) cluster->set_netsplit_policy(config.node().netsplit_policy);
        keys.set_rules(admin::key_rules_from_config(config));
        outputs.apply(config);
    });
    admin::ControlService service(control.value().descriptor(),
                                  actions_of(node, asked_to_stop.get(), waiters));
    announce(broker, cluster ? &*cluster : nullptr, http, plan, process_log.file(), background);
    // Before the parent ends: until it knows this process, systemd waits for that one.
    const pid_t parent = background ? ::getppid() : 0;
    notify_systemd(fmt::format("READY=1\nMAINPID={}", ::getpid()));
    if (background) detach(ready, plan.config->log());
    std::optional<Watchdog> watchdog;
    if (const auto limit = systemd_watchdog(parent)) {
        watchdog.emplace(
            *limit, broker.shard_count(),
            [&broker](ShardId shard, std::function<void()> work) {
                broker.post(shard, std::move(work));
            },
            [] { notify_systemd("WATCHDOG=1"); });
    }
    wait_for_stop(asked_to_stop.get(), signal_fd, [&] {
        process_log.reopen();
        log::notice("log file opened anew");
        reload(plan, broker, cluster ? &*cluster : nullptr, http, live);
    });
    http.announce_stop();
    watchdog.reset();
    notify_systemd("STOPPING=1");
    log::notice("Administrative stop");
    stop_at_next_signal(signals);
    service.close();
    http.close_commands();
    plugins.stop_watching();
    desk.close();
    follower.stop();
    if (cluster) cluster->stop_accepting();
    broker.stop();
    cluster.reset();
    plugins.stop();
    log::info("stopped");
    return 0;
}

int start_in_background(const Plan& plan) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        fmt::print(stderr, "error: cannot start: {}\n", std::generic_category().message(errno));
        return 1;
    }
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        fmt::print(stderr, "error: cannot start: {}\n", std::generic_category().message(errno));
        return 1;
    }
    if (child == 0) {
        ::close(ends[0]);
        ::setsid();
        replace_by_null(STDIN_FILENO);
        return run(plan, ends[1]);
    }
    ::close(ends[1]);
    char byte = 0;
    ssize_t got = 0;
    do {
        got = ::read(ends[0], &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1) return 0;
    int status = 0;
    (void)::waitpid(child, &status, 0);  // it has said why
    return 1;
}

}  // namespace

int console(const CommandLine& line) {
    const auto plan = make_plan(line);
    return plan ? run(*plan, -1) : 1;
}

int start(const CommandLine& line) {
    if (ControlClient(choose_config_file(line.config_file)).connected()) {
        fmt::print(stderr, "Node is already running!\n");
        return 1;
    }
    const auto plan = make_plan(line);
    return plan ? start_in_background(*plan) : 1;
}

int restart(const CommandLine& line) {
    // The running broker is better than none: it is stopped only for a file that can be used.
    const auto plan = make_plan(line);
    if (!plan) return 1;
    const int stopped = stop(line);
    return stopped == 0 ? start_in_background(*plan) : stopped;
}

}  // namespace vmq::launcher
