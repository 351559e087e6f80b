#include "admin/graphite.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "runtime/io_thread.h"
#include "runtime/name_lookup.h"

namespace vmq::admin {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

/// For everything of one interval to leave.
constexpr Seconds kSendTimeout{10};

bool fits_path(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/// A label as part of a path: what Graphite gives a meaning becomes an underscore.
std::string path_of(const metrics::Label& label) {
    std::string path = label.name + '_' + label.value;
    for (char& c : path) {
        if (!fits_path(c)) c = '_';
    }
    return path;
}

class Lines final {
public:
    Lines(const config::GraphiteSettings& settings, WallSeconds now) : now_(now) {
        for (const std::string* part : {&settings.graphite_api_key, &settings.graphite_prefix}) {
            if (!part->empty()) start_ += *part + '.';
        }
    }

    void add(const metrics::Sample& sample) {
        for (const metrics::Point& point : metrics::points(sample)) {
            std::string path = sample.name + point.suffix;
            for (char& c : path) {
                if (c == '_') c = '.';
            }
            for (const metrics::Label& label : sample.labels) path += '.' + path_of(label);
            fmt::format_to(std::back_inserter(text_), "{}{} {} {}\n", start_, path, point.value,
                           now_);
        }
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    const WallSeconds now_;
    std::string start_;
    std::string text_;
};

WallSeconds wall_now() {
    return std::chrono::duration_cast<Seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::string graphite_lines(const metrics::Snapshot& snapshot,
                           const config::GraphiteSettings& settings, WallSeconds now) {
    Lines lines(settings, now);
    for (const metrics::Sample& sum : metrics::without_labels(snapshot)) lines.add(sum);
    if (settings.graphite_include_labels) {
        for (const metrics::Sample& sample : snapshot) {
            if (!sample.labels.empty()) lines.add(sample);
        }
    }
    return std::move(lines).take();
}

/// Everything but making and destroying happens on its thread. What was begun before the connection
/// was given up says so by its number and is ignored.
class GraphiteSender::Impl final {
public:
    Impl(config::GraphiteSettings settings, const MetricsCollector& collector)
        : settings_(std::move(settings)), collector_(collector) {
        start();
        thread_.emplace(io_);
    }
    ~Impl() { thread_.reset(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void apply(config::GraphiteSettings settings) {
        asio::post(io_, [this, settings = std::move(settings)]() mutable {
            if (settings == settings_) return;
            settings_ = std::move(settings);
            start();
        });
    }

private:
    void start() {
        give_up();
        failing_ = false;
        if (settings_.graphite_enabled && settings_.graphite_interval_ms > 0) connect();
    }

    void give_up() {
        ++attempt_;
        timer_.cancel();
        looks_up_ = false;
        error_code ignored;
        socket_.close(ignored);
    }

    /// `handler(error, ...)`, unless this attempt is over by then.
    template <typename Handler>
    auto current(Handler handler) {
        return [this, attempt = attempt_, handler = std::move(handler)](error_code error,
                                                                        auto&&... results) {
            if (attempt == attempt_) handler(error, results...);
        };
    }

    void connect() {
        limit(Millis(settings_.graphite_connect_timeout_ms), "no connection in time");
        looks_up_ = true;
        if (lookup_ && looked_up_ == host()) return;  // it is still on its way
        looked_up_ = host();
        lookup_.emplace(io_, settings_.graphite_host, settings_.graphite_port,
                        [this](error_code error, const runtime::NameLookup::Addresses& addresses) {
                            lookup_.reset();
                            on_found(error, addresses);
                        });
    }

    void on_found(error_code error, const runtime::NameLookup::Addresses& addresses) {
        if (!std::exchange(looks_up_, false)) return;  // too late
        if (error) return fail(error.message());
        asio::async_connect(socket_, addresses,
                            current([this](error_code failed, const tcp::endpoint&) {
                                if (failed) return fail(failed.message());
                                on_connected();
                            }));
    }

    void on_connected() {
        if (std::exchange(failing_, false)) log::notice("graphite: {} takes metrics again", host());
        watch();
        send();
    }

    /// Graphite never says anything: what can come is the end.
    void watch() {
        socket_.async_read_some(asio::buffer(ignored_),
                                current([this](error_code error, std::size_t) {
                                    if (error) return fail(error.message());
                                    watch();
                                }));
    }

    void send() {
        lines_ = graphite_lines(collector_.snapshot(), settings_, wall_now());
        limit(kSendTimeout, "it does not read");
        asio::async_write(socket_, asio::buffer(lines_),
                          current([this](error_code error, std::size_t) {
                              if (error) return fail(error.message());
                              timer_.expires_after(Millis(settings_.graphite_interval_ms));
                              timer_.async_wait(current([this](error_code stopped) {
                                  if (!stopped) send();
                              }));
                          }));
    }

    void limit(Millis patience, std::string_view what) {
        timer_.expires_after(patience);
        timer_.async_wait(current([this, what](error_code error) {
            if (!error) fail(what);
        }));
    }

    void fail(std::string_view why) {
        give_up();
        const Millis pause(settings_.graphite_reconnect_timeout_ms);
        if (!std::exchange(failing_, true)) {
            log::error("graphite: cannot send metrics to {}: {}; trying again every {} ms", host(),
                       why, pause.count());
        }
        timer_.expires_after(pause);
        timer_.async_wait(current([this](error_code stopped) {
            if (!stopped) connect();
        }));
    }

    [[nodiscard]] std::string host() const {
        return fmt::format("{}:{}", settings_.graphite_host, settings_.graphite_port);
    }

    config::GraphiteSettings settings_;
    const MetricsCollector& collector_;
    asio::io_context io_{1};
    asio::steady_timer timer_{io_};              // what is waited for now: a limit or a pause
    std::optional<runtime::NameLookup> lookup_;  // of looked_up_; the end does not wait for it
    std::string looked_up_;
    bool looks_up_ = false;  // what it finds is wanted
    tcp::socket socket_{io_};
    std::uint64_t attempt_ = 0;
    bool failing_ = false;  // has been logged
    std::string lines_;
    std::array<char, 64> ignored_{};
    std::optional<runtime::IoThread> thread_;
};

GraphiteSender::GraphiteSender(config::GraphiteSettings settings, const MetricsCollector& collector)
    : impl_(std::make_unique<Impl>(std::move(settings), collector)) {}

GraphiteSender::~GraphiteSender() = default;

void GraphiteSender::apply(config::GraphiteSettings settings) { impl_->apply(std::move(settings)); }

}  // namespace vmq::admin
