#include "logging/syslog_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/guarded.h"
#include "runtime/io_thread.h"
#include "runtime/work_queue.h"

namespace vmq::logging {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using tcp = asio::ip::tcp;
using udp = asio::ip::udp;
using Datagrams = asio::generic::datagram_protocol;
using boost::system::error_code;
using Protocol = SyslogTarget::Protocol;

constexpr Seconds kConnectTimeout{10};
/// For a server that is connected and takes nothing.
constexpr Seconds kWriteTimeout{30};
constexpr std::size_t kPiece = 64 * 1024;
constexpr Millis kLastWords{2000};

/// One attempt to reach the server. Its operations hold it, so it outlives them.
struct Link {
    Link(asio::io_context& io, ssl::context& tls) : stream(io, tls), datagrams(io) {}

    ssl::stream<tcp::socket> stream;  // without TLS only its socket is used
    Datagrams::socket datagrams;
    bool looks_up = false;  // waits for the addresses of the server
    std::optional<TimePoint> up_since;
    bool probing = false;  // messages wait until it works
    bool proving = false;  // it works if nothing happens for a while
    bool works = false;
    std::deque<std::string> under_way;  // what `out` was made of, or the datagram that is the probe
    std::string out;
    std::array<char, 512> in{};

    [[nodiscard]] tcp::socket& socket() { return stream.next_layer(); }
    void close() {
        error_code ignored;
        socket().close(ignored);
        datagrams.close(ignored);
    }
};
using LinkPtr = std::shared_ptr<Link>;

}  // namespace

/// Everything but send() and the end happens on its thread.
class SyslogSender::Impl final {
public:
    Impl(SyslogTarget target, SyslogPatience patience, runtime::NameLookup::Resolve resolve,
         ssl::context tls)
        : target_(std::move(target)),
          patience_(patience),
          resolve_(std::move(resolve)),
          tls_(std::move(tls)) {
        thread_.emplace(io_);
        asio::post(io_, [this] { connect(); });
    }
    ~Impl() {
        for (Millis waited{0}; waited < kLastWords && busy(); waited += Millis(10)) {
            runtime::pause(Millis(10));
        }
        thread_.reset();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    bool send(std::string message) {
        if (message.size() > kLongestMessage) message.resize(kLongestMessage);
        const bool taken = waiting_.with([&message](Waiting& waiting) {
            if (waiting.bytes + message.size() > kMostWaiting) return false;
            waiting.bytes += message.size();
            waiting.messages.push_back(std::move(message));
            return true;
        });
        if (taken && !asked_.exchange(true)) {
            asio::post(io_, [this] {
                asked_.store(false);
                pump();
            });
        }
        return taken;
    }

    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

private:
    struct Waiting {
        std::deque<std::string> messages;
        std::size_t bytes = 0;
    };

    /// There is something to send and somebody to send it to.
    [[nodiscard]] bool busy() const {
        if (!connected_.load()) return false;
        return writing_.load() ||
               !waiting_.with([](const Waiting& w) { return w.messages.empty(); });
    }

    [[nodiscard]] std::string server() const {
        if (target_.protocol == Protocol::Local) return target_.host;
        return fmt::format("{}:{}", target_.host, target_.port);
    }

    [[nodiscard]] bool is_stream() const noexcept {
        return target_.protocol == Protocol::Tcp || target_.protocol == Protocol::Tls;
    }

    /// `handler(error, ...)` unless another attempt has taken the place of `link`.
    template <typename Handler>
    auto current(const LinkPtr& link, Handler handler) {
        return [this, link, handler = std::move(handler)](error_code error, auto&&... results) {
            if (link == link_) handler(error, results...);
        };
    }

    void limit(Seconds time, std::string_view what) {
        timer_.expires_after(time);
        timer_.async_wait(current(link_, [this, what](error_code error) {
            if (!error) fail(what);
        }));
    }

    void connect() {
        const LinkPtr link = link_ = std::make_shared<Link>(io_, tls_);
        limit(kConnectTimeout, "no connection in time");
        if (target_.protocol == Protocol::Local) {
            return open_datagrams(
                Datagrams::endpoint(asio::local::datagram_protocol::endpoint(target_.host)));
        }
        link->looks_up = true;
        if (lookup_) return;  // it is still on its way
        lookup_.emplace(
            io_, target_.host, target_.port,
            [this](error_code error, const runtime::NameLookup::Addresses& found) {
                lookup_.reset();
                on_found(error, found);
            },
            resolve_);
    }

    void on_found(error_code error, const runtime::NameLookup::Addresses& found) {
        if (!std::exchange(link_->looks_up, false)) return;  // too late
        if (error) return fail(error.message());
        if (is_stream()) return connect_stream(found);
        const tcp::endpoint first = *found.begin();
        open_datagrams(Datagrams::endpoint(udp::endpoint(first.address(), first.port())));
    }

    void open_datagrams(const Datagrams::endpoint& server) {
        error_code error;
        auto& socket = link_->datagrams;
        (void)socket.open(server.protocol(), error);
        if (!error) (void)socket.connect(server, error);
        if (!error) (void)socket.non_blocking(true, error);
        if (error) return fail(error.message());
        on_connected();
    }

    void connect_stream(const runtime::NameLookup::Addresses& found) {
        const LinkPtr link = link_;
        asio::async_connect(link->socket(), found,
                            current(link, [this, link](error_code error, const tcp::endpoint&) {
                                if (error) return fail(error.message());
                                if (target_.protocol == Protocol::Tcp) return on_connected();
                                shake_hands();
                            }));
    }

    void shake_hands() {
        const LinkPtr link = link_;
        error_code error;
        link->stream.set_verify_callback(ssl::host_name_verification(target_.host), error);
        (void)asio::ip::make_address(target_.host, error);
        const bool is_name = error.failed();  // addresses have no place in SNI
        if (is_name) ::SSL_set_tlsext_host_name(link->stream.native_handle(), target_.host.c_str());
        link->stream.async_handshake(ssl::stream_base::client,
                                     current(link, [this](error_code failed) {
                                         if (failed) return fail(failed.message());
                                         on_connected();
                                     }));
    }

    void on_connected() {
        timer_.cancel();
        link_->up_since = steady_now();
        if (target_.protocol != Protocol::Local) listen();
        if (is_stream()) prove();
        // A datagram socket is connected to nobody in particular: only what is sent tells.
        link_->probing = is_stream() ? !trusted_ : target_.protocol == Protocol::Udp && failing_;
        connected_.store(!link_->probing);
        pump();
    }

    /// It works if it lasts.
    void prove() {
        if (std::exchange(link_->proving, true)) return;
        proof_.expires_after(std::max(patience_.proof, pause_));
        proof_.async_wait(current(link_, [this](error_code error) {
            if (error) return;
            if (std::exchange(link_->probing, false)) link_->under_way.clear();
            works();
            connected_.store(true);
            pump();
        }));
    }

    void works() {
        link_->works = true;
        trusted_ = true;
        if (std::exchange(failing_, false))
            log::notice("syslog: {} takes messages again", server());
    }

    /// Servers say nothing: what comes is their end, or that there is none.
    void listen() {
        const LinkPtr link = link_;
        auto heard = current(link, [this](error_code error, std::size_t) {
            if (error && target_.protocol == Protocol::Udp) return refused(error.message());
            if (error) return fail(error.message());
            listen();
        });
        if (target_.protocol == Protocol::Udp) {
            link->datagrams.async_receive(asio::buffer(link->in), std::move(heard));
        } else if (target_.protocol == Protocol::Tls) {
            link->stream.async_read_some(asio::buffer(link->in), std::move(heard));
        } else {
            link->socket().async_read_some(asio::buffer(link->in), std::move(heard));
        }
    }

    /// Somebody tells that a datagram did not arrive: which one is only known of a probe.
    void refused(std::string_view why) {
        if (link_->under_way.empty()) lost_.fetch_add(1);
        fail(why);
    }

    void pump() {
        if (writing_.load() || !link_->up_since) return;
        if (link_->probing) return probe();
        if (is_stream()) return pump_stream();
        pump_datagrams();
    }

    void probe() {
        if (is_stream() || !link_->under_way.empty()) return;
        auto message = next();
        if (!message) return;
        error_code error;
        (void)link_->datagrams.send(asio::buffer(*message), 0, error);
        link_->under_way.push_back(std::move(*message));
        if (error == asio::error::message_size) {
            lost_.fetch_add(1);
            link_->under_way.clear();
            return probe();
        }
        if (error) return fail(error.message());
        prove();
    }

    [[nodiscard]] std::optional<std::string> next() {
        return waiting_.with([](Waiting& waiting) -> std::optional<std::string> {
            if (waiting.messages.empty()) return std::nullopt;
            std::string message = std::move(waiting.messages.front());
            waiting.messages.pop_front();
            waiting.bytes -= message.size();
            return message;
        });
    }

    void put_back(std::deque<std::string>& messages) {
        waiting_.with([&messages](Waiting& waiting) {
            for (auto each = messages.rbegin(); each != messages.rend(); ++each) {
                waiting.bytes += each->size();
                waiting.messages.push_front(std::move(*each));
            }
        });
        messages.clear();
    }

    [[nodiscard]] std::string framed(const std::string& message) const {
        return target_.counted ? fmt::format("{} {}", message.size(), message) : message + '\n';
    }

    void pump_stream() {
        const LinkPtr link = link_;
        link->out.clear();
        while (link->out.size() < kPiece) {
            auto message = next();
            if (!message) break;
            link->out += framed(*message);
            link->under_way.push_back(std::move(*message));
        }
        if (link->out.empty()) return;
        writing_.store(true);
        limit(kWriteTimeout, "it takes nothing");
        auto written = [this, link](error_code error, std::size_t size) {
            if (link != link_) return;
            if (error) {
                forget_sent(*link, size);
                return fail(error.message());
            }
            timer_.cancel();
            link->under_way.clear();
            writing_.store(false);
            pump();
        };
        if (target_.protocol == Protocol::Tls) {
            asio::async_write(link->stream, asio::buffer(link->out), std::move(written));
        } else {
            asio::async_write(link->socket(), asio::buffer(link->out), std::move(written));
        }
    }

    /// What went out completely is not sent again.
    void forget_sent(Link& link, std::size_t size) const {
        while (!link.under_way.empty()) {
            const std::size_t first = framed(link.under_way.front()).size();
            if (first > size) return;
            size -= first;
            link.under_way.pop_front();
        }
    }

    void pump_datagrams() {
        const LinkPtr link = link_;
        while (auto message = next()) {
            error_code error;
            (void)link->datagrams.send(asio::buffer(*message), 0, error);
            if (error == asio::error::would_block) {
                link->under_way.push_back(std::move(*message));
                put_back(link->under_way);
                writing_.store(true);
                return link->datagrams.async_wait(Datagrams::socket::wait_write,
                                                  current(link, [this](error_code) {
                                                      writing_.store(false);
                                                      pump();
                                                  }));
            }
            if (!error) {
                if (target_.protocol == Protocol::Local) {
                    works();  // it has been taken
                } else {
                    prove();
                }
                continue;
            }
            if (error == asio::error::message_size) {
                lost_.fetch_add(1);
                continue;
            }
            if (error == asio::error::connection_refused && target_.protocol == Protocol::Udp) {
                lost_.fetch_add(1);  // one before this
            }
            link->under_way.push_back(std::move(*message));
            return fail(error.message());
        }
    }

    void complain(std::string_view why) {
        if (std::exchange(failing_, true)) return;
        log::warning("syslog: {} cannot be reached: {}; messages wait for it, up to {} MB",
                     server(), why, kMostWaiting / 1024 / 1024);
    }

    void fail(std::string_view why) {
        complain(why);
        const auto up_since = link_->up_since;
        if (up_since && !link_->works) trusted_ = false;
        if (up_since && steady_now() - *up_since >= patience_.longest_pause) {
            pause_ = patience_.first_pause;
        }
        connected_.store(false);
        writing_.store(false);
        proof_.cancel();
        put_back(link_->under_way);
        link_->close();
        const LinkPtr link = link_ = std::make_shared<Link>(io_, tls_);
        timer_.expires_after(pause_);
        timer_.async_wait(current(link, [this](error_code error) {
            if (!error) connect();
        }));
        pause_ = std::min(pause_ * 2, patience_.longest_pause);
    }

    const SyslogTarget target_;
    const SyslogPatience patience_;
    const runtime::NameLookup::Resolve resolve_;
    runtime::Guarded<Waiting> waiting_;
    std::atomic<bool> asked_{false};
    std::atomic<bool> connected_{false};
    std::atomic<bool> writing_{false};
    std::atomic<std::uint64_t> lost_{0};

    asio::io_context io_{1};
    ssl::context tls_;
    asio::steady_timer timer_{io_};
    asio::steady_timer proof_{io_};
    std::optional<runtime::NameLookup> lookup_;  // one at a time, however long it takes
    LinkPtr link_;
    Millis pause_ = patience_.first_pause;  // after the next failure
    bool failing_ = false;                  // has been logged
    bool trusted_ = true;                   // false: the last link that came about did not work
    std::optional<runtime::IoThread> thread_;
};

SyslogSender::SyslogSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SyslogSender::~SyslogSender() = default;

Result<std::unique_ptr<SyslogSender>> SyslogSender::start(SyslogTarget target,
                                                          SyslogPatience patience,
                                                          runtime::NameLookup::Resolve resolve) {
    ssl::context tls(ssl::context::tls_client);
    if (target.protocol == Protocol::Tls) {
        error_code error;
        (void)tls.load_verify_file(target.cafile, error);
        if (!error) (void)tls.set_verify_mode(ssl::verify_peer, error);
        if (!error) {
            (void)tls.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
        }
        if (error) {
            return Error{ErrorCode::SystemError,
                         fmt::format("log.syslog.remote.tls.cafile = {}: {}", target.cafile,
                                     error.message())};
        }
    }
    return std::unique_ptr<SyslogSender>(new SyslogSender(
        std::make_unique<Impl>(std::move(target), patience, std::move(resolve), std::move(tls))));
}

bool SyslogSender::send(std::string message) { return impl_->send(std::move(message)); }

std::uint64_t SyslogSender::lost() const noexcept { return impl_->lost(); }

}  // namespace vmq::logging
