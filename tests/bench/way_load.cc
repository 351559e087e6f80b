// Load over TCP, TLS, WebSocket and both, and what it costs the broker: way_load MODE --port N ...
// tools/bench_ways.sh calls it.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/process_cost.h"
#include "bench/way_modes.h"

namespace vmq::bench {
namespace {

constexpr double kPatience = 60;  // seconds

Target target_of(const Options& options, SSL_CTX* context) {
    const bool tls = options.way == Way::Tls || options.way == Way::Wss;
    return {options.port, options.way, tls ? context : nullptr, {}};
}

/// Publishers that never are more than a window ahead of their subscribers.
class Pairs final : public ClientEvents {
public:
    Pairs(const Options& options, const Target& target) : options_(options) {
        for (std::size_t i = 0; i < options.clients; ++i) {
            Pair pair;
            pair.topic = "way/" + std::to_string(i);
            pair.subscriber = std::make_unique<Client>(loop_, target, *this, 2 * i);
            pair.publisher = std::make_unique<Client>(loop_, target, *this, 2 * i + 1);
            pairs_.push_back(std::move(pair));
        }
    }

    /// False: not everybody got in.
    bool open() {
        for (const Pair& pair : pairs_) {
            pair.subscriber->start();
            pair.publisher->start();
        }
        const auto start = Clock::now();
        while (ready_ < 2 * pairs_.size() && !failed_ && seconds_since(start) < kPatience) {
            loop_.poll(10);
        }
        return ready_ == 2 * pairs_.size();
    }

    /// Until so many messages have arrived. False: something failed.
    bool run(std::size_t until) {
        auto last = Clock::now();
        while (received_ < until && !failed_) {
            const std::size_t before = received_;
            for (Pair& pair : pairs_) pump(pair);
            loop_.poll(1);
            if (received_ != before) last = Clock::now();
            if (seconds_since(last) > kPatience) return false;
        }
        return !failed_;
    }
    [[nodiscard]] std::size_t received() const noexcept { return received_; }

    void on_open(Client& client) override {
        if (is_publisher(client)) return (void)++ready_;
        client.send(subscribe_packet(pair_of(client).topic, options_.qos));
        client.flush();
    }
    void on_packet(Client& client, std::uint8_t head, std::string_view body) override {
        Pair& pair = pair_of(client);
        switch (head >> 4U) {
            case 3: {
                ++pair.received;
                ++received_;
                const Publication publication = read_publish(head, body);
                if (publication.id == 0) return;
                const std::string_view id =
                    body.substr(body.size() - publication.payload.size() - 2, 2);
                pair.answers += packet(0x40, id);
                return;
            }
            case 4:
                --pair.unacknowledged;
                return;
            case 9:
                ++ready_;
                return;
            default:
                failed_ = true;
        }
    }
    void on_end(Client& /*client*/) override { failed_ = true; }

private:
    static constexpr std::size_t kBurst = 16;
    static constexpr std::size_t kPayload = 64;

    struct Pair {
        std::unique_ptr<Client> subscriber;
        std::unique_ptr<Client> publisher;
        std::string topic;
        std::string answers;
        std::string burst;
        std::size_t sent = 0;
        std::size_t received = 0;
        std::size_t unacknowledged = 0;
        std::uint16_t id = 0;
    };

    [[nodiscard]] static bool is_publisher(const Client& client) {
        return client.number() % 2 == 1;
    }
    [[nodiscard]] Pair& pair_of(const Client& client) { return pairs_[client.number() / 2]; }

    void pump(Pair& pair) {
        if (!pair.answers.empty()) {
            pair.subscriber->send(pair.answers);
            pair.answers.clear();
            pair.subscriber->flush();
        }
        pair.burst.clear();
        const std::size_t most = options_.window;
        for (std::size_t i = 0; i < kBurst; ++i) {
            if (pair.sent - pair.received >= most || pair.unacknowledged >= most) break;
            if (options_.qos > 0) {
                if (++pair.id == 0) ++pair.id;
                ++pair.unacknowledged;
            }
            append_publish(pair.burst, pair.topic, options_.qos > 0 ? pair.id : std::uint16_t{0},
                           payload_);
            ++pair.sent;
        }
        if (pair.burst.empty()) return;
        pair.publisher->send(pair.burst);
        pair.publisher->flush();
    }

    const Options& options_;
    Loop loop_;
    const std::string payload_ = std::string(kPayload, 'x');
    std::vector<Pair> pairs_;
    std::size_t ready_ = 0;
    std::size_t received_ = 0;
    bool failed_ = false;
};

/// Connections that do nothing once they are open.
class Idle final : public ClientEvents {
public:
    Idle(const Options& options, const Target& target) : options_(options) {
        for (std::size_t i = 0; i < options.clients; ++i) {
            clients_.push_back(std::make_unique<Client>(loop_, target, *this, i));
        }
    }

    bool open() {
        constexpr std::size_t kAtATime = 100;
        const auto start = Clock::now();
        std::size_t started = 0;
        while (open_ < clients_.size() && !failed_ && seconds_since(start) < kPatience) {
            while (started < clients_.size() && started - open_ < kAtATime) {
                clients_[started++]->start();
            }
            loop_.poll(10);
        }
        return open_ == clients_.size();
    }
    bool stay(double seconds) {
        const auto start = Clock::now();
        while (seconds_since(start) < seconds) loop_.poll(50);
        return !failed_;
    }

    void on_open(Client& /*client*/) override { ++open_; }
    void on_end(Client& /*client*/) override { failed_ = true; }

private:
    const Options& options_;
    Loop loop_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::size_t open_ = 0;
    bool failed_ = false;
};

/// Clients that connect, shake hands, go away and come back.
class Handshakes final : public ClientEvents {
public:
    Handshakes(const Options& options, const Target& target) {
        for (std::size_t i = 0; i < options.clients; ++i) {
            clients_.push_back(std::make_unique<Client>(loop_, target, *this, i));
        }
    }

    void run(double seconds) {
        const auto start = Clock::now();
        while (seconds_since(start) < seconds) {
            for (const auto& client : clients_) {
                const auto stage = client->stage();
                if (stage == Client::Stage::Idle || stage == Client::Stage::Ended) client->start();
            }
            loop_.poll(1);
        }
    }
    void on_secure(Client& client) override {
        ++done;
        client.stop();
    }
    void on_end(Client& /*client*/) override { ++failed; }

    std::size_t done = 0;
    std::size_t failed = 0;

private:
    Loop loop_;
    std::vector<std::unique_ptr<Client>> clients_;
};

double own_cpu_us() {
    rusage used{};
    (void)::getrusage(RUSAGE_SELF, &used);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return us(used.ru_utime) + us(used.ru_stime);
}

}  // namespace

ContextPtr client_context(const Options& options) {
    ContextPtr context(SSL_CTX_new(TLS_client_method()));
    const int version = options.tls_version == 12   ? TLS1_2_VERSION
                        : options.tls_version == 13 ? TLS1_3_VERSION
                                                    : 0;
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    // OpenSSL would check the certificate all the same.
    SSL_CTX_set_cert_verify_callback(
        context.get(), [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context.get(), 1);
    return context;
}

int run_pairs(const Options& options) {
    const ContextPtr context = client_context(options);
    const Target target = target_of(options, context.get());
    Pairs pairs(options, target);
    if (!pairs.open() || !pairs.run(options.messages / 10)) return 1;
    const std::size_t first = pairs.received();
    const double cpu = cpu_us(options.pid);
    const double own = own_cpu_us();
    const auto start = Clock::now();
    if (!pairs.run(first + options.messages)) return 1;
    const double seconds = seconds_since(start);
    const auto count = static_cast<double>(pairs.received() - first);
    fmt::print(
        "{{\"mode\":\"pairs\",\"way\":\"{}\",\"qos\":{},\"pairs\":{},\"messages_per_s\":{:.0f},"
        "\"cpu_us\":{:.3f},\"generator_cpu_us\":{:.3f}}}\n",
        options.way_name, options.qos, options.clients, count / seconds,
        (cpu_us(options.pid) - cpu) / count, (own_cpu_us() - own) / count);
    return 0;
}

int run_idle(const Options& options) {
    constexpr double kQuiet = 2;
    const ContextPtr context = client_context(options);
    const Target target = target_of(options, context.get());
    Idle idle(options, target);
    const double before = resident_bytes(options.pid);
    if (!idle.open() || !idle.stay(kQuiet)) return 1;
    const double bytes = resident_bytes(options.pid) - before;
    fmt::print("{{\"mode\":\"idle\",\"way\":\"{}\",\"connections\":{},\"bytes\":{:.0f}}}\n",
               options.way_name, options.clients, bytes / static_cast<double>(options.clients));
    return 0;
}

int run_handshakes(const Options& options) {
    constexpr double kWarmUp = 0.5;
    const ContextPtr context = client_context(options);
    const Target target = target_of(options, context.get());
    Handshakes handshakes(options, target);
    handshakes.run(kWarmUp);
    const std::size_t first = handshakes.done;
    const double cpu = cpu_us(options.pid);
    const double own = own_cpu_us();
    const auto start = Clock::now();
    handshakes.run(options.seconds);
    const double seconds = seconds_since(start);
    const auto count = static_cast<double>(handshakes.done - first);
    const double each = (cpu_us(options.pid) - cpu) / count;
    fmt::print(
        "{{\"mode\":\"handshakes\",\"clients\":{},\"per_s\":{:.0f},\"cpu_us\":{:.1f},"
        "\"per_core\":{:.0f},\"generator_cpu_us\":{:.1f},\"failed\":{}}}\n",
        options.clients, count / seconds, each, 1e6 / each, (own_cpu_us() - own) / count,
        handshakes.failed);
    return count > 0 ? 0 : 1;
}

namespace {

constexpr std::string_view kUsage =
    "way_load pairs|idle|handshakes|storm --port N --pid BROKER [--way tcp|tls|ws|wss] [--qos "
    "0|1]\n"
    "  [--clients N] [--window N] [--messages N] [--seconds S] [--tls 12|13]\n"
    "  [--flow-port N] [--rate N] [--hang 0|1] [--flow-priority N]\n"
    "Prints a line of JSON. pairs: messages through N pairs. idle: memory of N connections.\n"
    "handshakes: as many as N clients get. storm: latency of a flow over plain TCP at --flow-port\n"
    "while --rate new TLS connections per second arrive; with --hang they only begin.\n";

std::optional<Way> way_of(std::string_view name) {
    if (name == "tcp") return Way::Tcp;
    if (name == "tls") return Way::Tls;
    if (name == "ws") return Way::Ws;
    if (name == "wss") return Way::Wss;
    return std::nullopt;
}

std::optional<Options> read_options(const std::vector<std::string>& words) {
    if (words.empty() || words.size() % 2 == 0) return std::nullopt;
    std::map<std::string, std::string> values;
    for (std::size_t i = 1; i + 1 < words.size(); i += 2) values[words[i]] = words[i + 1];
    Options options;
    options.mode = words[0];
    const auto number = [&values](const char* name, auto& into) {
        const auto found = values.find(name);
        if (found == values.end()) return;
        into =
            static_cast<std::decay_t<decltype(into)>>(std::strtod(found->second.c_str(), nullptr));
        values.erase(found);
    };
    number("--port", options.port);
    number("--flow-port", options.flow_port);
    number("--pid", options.pid);
    number("--qos", options.qos);
    number("--clients", options.clients);
    number("--window", options.window);
    number("--messages", options.messages);
    number("--rate", options.rate);
    number("--seconds", options.seconds);
    number("--tls", options.tls_version);
    number("--hang", options.hang);
    number("--flow-priority", options.flow_priority);
    if (const auto found = values.extract("--way"); !found.empty()) {
        const auto way = way_of(found.mapped());
        if (!way) return std::nullopt;
        options.way = *way;
        options.way_name = found.mapped();
    }
    if (options.mode == "handshakes") options.way = Way::Tls;
    if (!values.empty() || options.port == 0) return std::nullopt;
    return options;
}

int run(const Options& options) {
    if (options.mode == "pairs") return run_pairs(options);
    if (options.mode == "idle") return run_idle(options);
    if (options.mode == "handshakes") return run_handshakes(options);
    if (options.mode == "storm") return run_storm(options);
    return 2;
}

}  // namespace
}  // namespace vmq::bench

int main(int argc, char** argv) {
    rlimit files{};
    (void)::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
    const auto options = vmq::bench::read_options({argv + 1, argv + argc});
    const int status = options ? vmq::bench::run(*options) : 2;
    if (status == 2) fmt::print(stderr, "{}", vmq::bench::kUsage);
    if (status == 1) fmt::print(stderr, "way_load: not all connections did what they should\n");
    return status;
}
