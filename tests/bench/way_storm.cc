// The mode storm: what a flow notices of new TLS connections.
#include <fmt/core.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/process_cost.h"
#include "bench/way_modes.h"

namespace vmq::bench {
namespace {

double thread_cpu_us() {
    rusage used{};
    (void)::getrusage(RUSAGE_THREAD, &used);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return us(used.ru_utime) + us(used.ru_stime);
}

/// One publisher and one subscriber over plain TCP, in a thread of their own.
class Flow final : public ClientEvents {
public:
    enum Phase : std::uint8_t { WarmUp, Before, During, Over };

    explicit Flow(const Options& options)
        : options_(options),
          target_{options.flow_port, Way::Tcp, nullptr, {}},
          subscriber_(loop_, target_, *this, 0),
          publisher_(loop_, target_, *this, 1),
          thread_([this] { run(); }) {}
    ~Flow() override { finish(); }

    void enter(Phase phase) { phase_.store(phase); }
    void finish() {
        enter(Over);
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] bool failed() const noexcept { return failed_.load(); }

    // After finish():
    [[nodiscard]] std::size_t lost() const noexcept { return sent_ - received_; }
    /// Milliseconds.
    [[nodiscard]] double latency(Phase phase, double quantile) {
        auto& samples = samples_[phase];
        if (samples.empty()) return -1;
        std::sort(samples.begin(), samples.end());
        const auto last = static_cast<double>(samples.size() - 1);
        return samples[static_cast<std::size_t>(quantile * last)] * 1e3;
    }

    void on_open(Client& client) override {
        if (&client == &publisher_) return;
        client.send(subscribe_packet(kTopic, options_.qos));
        client.flush();
    }
    void on_packet(Client& client, std::uint8_t head, std::string_view body) override {
        if (head >> 4U == 9) subscribed_ = true;
        if (head >> 4U != 3) return;
        const Publication publication = read_publish(head, body);
        Clock::rep sent_at = 0;
        std::memcpy(&sent_at, publication.payload.data(), sizeof sent_at);
        const Clock::duration took = Clock::now().time_since_epoch() - Clock::duration(sent_at);
        ++received_;
        samples_[phase_.load()].push_back(std::chrono::duration<double>(took).count());
        if (publication.id == 0) return;
        const std::array<char, 2> id = {static_cast<char>(publication.id >> 8U),
                                        static_cast<char>(publication.id)};
        client.send(packet(0x40, {id.data(), id.size()}));
        client.flush();
    }
    void on_end(Client& /*client*/) override { failed_.store(true); }

private:
    static constexpr std::string_view kTopic = "way/flow";
    static constexpr long kIntervalNs = 2'000'000;  // 500 messages per second
    static constexpr double kLastWait = 1;

    void run() {
        if (options_.flow_priority > 0) {
            const sched_param priority{options_.flow_priority};
            (void)::sched_setscheduler(0, SCHED_FIFO, &priority);
        }
        const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        const itimerspec every{{0, kIntervalNs}, {0, kIntervalNs}};
        (void)::timerfd_settime(timer, 0, &every, nullptr);
        loop_.watch_timer(timer);
        subscriber_.start();
        publisher_.start();
        while (phase_.load() != Over && !failed_.load()) {
            if (!loop_.poll(100)) continue;
            std::uint64_t due = 0;
            if (::read(timer, &due, sizeof due) != sizeof due) continue;
            if (!subscribed_ || publisher_.stage() != Client::Stage::Open) continue;
            for (; due > 0; --due) publish();
        }
        const auto end = Clock::now();
        while (received_ < sent_ && seconds_since(end) < kLastWait) loop_.poll(1);
        ::close(timer);
    }

    void publish() {
        std::array<char, 64> payload{};
        const Clock::rep now = Clock::now().time_since_epoch().count();
        std::memcpy(payload.data(), &now, sizeof now);
        if (++id_ == 0) ++id_;
        std::string bytes;
        append_publish(bytes, kTopic, options_.qos > 0 ? id_ : std::uint16_t{0},
                       {payload.data(), payload.size()});
        publisher_.send(bytes);
        publisher_.flush();
        ++sent_;
    }

    const Options& options_;
    const Target target_;
    Loop loop_;
    Client subscriber_;
    Client publisher_;
    bool subscribed_ = false;
    std::uint16_t id_ = 0;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    std::array<std::vector<double>, Over + 1> samples_;  // seconds
    std::atomic<Phase> phase_{WarmUp};
    std::atomic<bool> failed_{false};
    std::thread thread_;
};

/// A ClientHello as OpenSSL says it.
std::string make_hello(SSL_CTX& context) {
    SSL* ssl = SSL_new(&context);
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
    std::string hello(BIO_ctrl_pending(out), '\0');
    (void)BIO_read(out, hello.data(), static_cast<int>(hello.size()));
    SSL_free(ssl);
    return hello;
}

/// New connections at a rate, whatever becomes of those before.
class Storm final : public ClientEvents {
public:
    Storm(const Options& options, const Target& target) : options_(options), target_(target) {}

    void run(double seconds) {
        const auto start = Clock::now();
        std::size_t due_before = 0;
        for (double now = 0; now < seconds; now = seconds_since(start)) {
            const auto due = static_cast<std::size_t>(now * options_.rate);
            for (; due_before < due; ++due_before) begin();
            loop_.poll(1);
            rest();
        }
    }

    void on_secure(Client& /*client*/) override { ++secured; }
    void on_open(Client& client) override {
        ++opened;
        client.send(packet(0xe0, {}));
        client.flush();
        if (client.fd() >= 0) client.stop();
    }
    void on_end(Client& /*client*/) override { ++ended; }

    std::size_t begun = 0;
    std::size_t held_back = 0;  // too many under way
    std::size_t secured = 0;    // or answered, if they hang
    std::size_t opened = 0;
    std::size_t ended = 0;  // by the broker

private:
    static constexpr std::size_t kMostAtATime = 16'000;

    void begin() {
        if (free_.empty() && clients_.size() == kMostAtATime) return (void)++held_back;
        if (free_.empty()) {
            clients_.push_back(std::make_unique<Client>(loop_, target_, *this, clients_.size()));
            free_.push_back(clients_.back().get());
        }
        Client* client = free_.back();
        free_.pop_back();
        busy_.push_back(client);
        ++begun;
        client->start();
    }
    /// Those that have ended can begin again.
    void rest() {
        std::erase_if(busy_, [this](Client* client) {
            if (client->stage() != Client::Stage::Ended) return false;
            free_.push_back(client);
            return true;
        });
    }

    const Options& options_;
    const Target& target_;
    Loop loop_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<Client*> free_;
    std::vector<Client*> busy_;
};

void wait(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

int run_storm(const Options& options) {
    constexpr double kWarmUp = 1;
    const ContextPtr context = client_context(options);
    const std::string hello = options.hang ? make_hello(*context) : std::string();
    const Target target{options.port, Way::Tls, context.get(), hello};
    Storm storm(options, target);
    Flow flow(options);
    wait(kWarmUp);
    flow.enter(Flow::Before);
    wait(options.seconds);
    const double cpu = cpu_us(options.pid);
    const double own = thread_cpu_us();
    const auto start = Clock::now();
    flow.enter(Flow::During);
    storm.run(options.seconds);
    const double seconds = seconds_since(start);
    const double broker_us = cpu_us(options.pid) - cpu;
    const double own_us = thread_cpu_us() - own;
    const bool failed = flow.failed();
    flow.finish();
    const auto rate = [seconds](std::size_t count) { return static_cast<double>(count) / seconds; };
    fmt::print(
        "{{\"mode\":\"storm\",\"qos\":{},\"hang\":{},\"wanted_per_s\":{:.0f},\"begun_per_s\":{:.0f}"
        ","
        "\"secured_per_s\":{:.0f},\"opened_per_s\":{:.0f},\"ended_by_broker\":{},\"held_back\":{},"
        "\"before_p50_ms\":{:.2f},\"before_p99_ms\":{:.2f},\"before_max_ms\":{:.2f},"
        "\"p50_ms\":{:.2f},\"p99_ms\":{:.2f},\"max_ms\":{:.2f},\"lost\":{},"
        "\"broker_cores\":{:.2f},\"generator_cores\":{:.2f}}}\n",
        options.qos, options.hang, options.rate, rate(storm.begun), rate(storm.secured),
        rate(storm.opened), storm.ended, storm.held_back, flow.latency(Flow::Before, 0.5),
        flow.latency(Flow::Before, 0.99), flow.latency(Flow::Before, 1),
        flow.latency(Flow::During, 0.5), flow.latency(Flow::During, 0.99),
        flow.latency(Flow::During, 1), flow.lost(), broker_us / seconds / 1e6,
        own_us / seconds / 1e6);
    return failed || flow.lost() > 0 ? 1 : 0;
}

}  // namespace vmq::bench
