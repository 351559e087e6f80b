#include "cluster/connector.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/descriptor.h"

namespace vmq::cluster {

using Do = ConnectorPlan::Do;
using Stage = ConnectorPlan::Stage;

namespace {

/// A name may have many addresses; the log names the reasons of the first ones.
constexpr std::size_t kLongestReason = 600;

std::string shown(const transport::PeerAddress& address) {
    const bool v6 = address.address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.address, v6 ? "]" : "", address.port);
}

int open_tcp(const boost::asio::ip::tcp::endpoint& to) {
    Descriptor socket(
        ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return -1;
    if (::connect(socket.get(), to.data(), static_cast<socklen_t>(to.size())) != 0 &&
        errno != EINPROGRESS) {
        return -1;
    }
    return socket.release();
}

std::string reason_of(const transport::PeerAddress& address, int error) {
    switch (error) {
        case ECONNREFUSED:
            return fmt::format(
                "{} refuses connections: see that the node runs and has its clustering listener "
                "there",
                shown(address));
        case ETIMEDOUT:
            return fmt::format(
                "{} does not answer: see that the machine runs and that no firewall is in between",
                shown(address));
        default:
            return fmt::format("{} cannot be reached: {}", shown(address),
                               std::system_category().message(error));
    }
}

}  // namespace

/// A connection that is being made. The poller may still call it in the turn in which it is over.
class Connector::Attempt final : public runtime::ReadyHandler {
public:
    Attempt(Connector& owner, int fd) : owner_(&owner), socket_(fd) {}

    void on_ready(std::uint8_t /*events*/) override {
        if (owner_ != nullptr) owner_->on_socket_ready();
    }
    void disown() noexcept { owner_ = nullptr; }
    [[nodiscard]] Descriptor& socket() noexcept { return socket_; }

private:
    Connector* owner_;
    Descriptor socket_;
};

Connector::Connector(runtime::ShardLoop& loop, ConnectorHandler& handler, DialSettings settings,
                     std::uint64_t seed, runtime::NameLookup::Resolve resolve, OpenSocket open)
    : loop_(loop),
      handler_(handler),
      plan_(settings, seed),
      resolve_(std::move(resolve)),
      open_(open ? std::move(open) : open_tcp),
      timer_(this,
             [](void* self, TimePoint now) { static_cast<Connector*>(self)->on_timer(now); }) {}

Connector::~Connector() { stop(); }

void Connector::dial(std::string host, std::uint16_t port, Millis wait) {
    stop();
    host_ = std::move(host);
    port_ = port;
    obey(plan_.start(loop_.now(), wait));
}

void Connector::stop() {
    plan_.stop();
    give_up_attempt();
}

void Connector::take_link() {
    plan_.taken(loop_.now());
    give_up_attempt();
}

void Connector::give_up_attempt() {
    timer_.stop();
    lookup_.reset();
    forget_attempt();
    why_.clear();
}

void Connector::connection_ended(bool was_good) {
    plan_.ended(was_good, loop_.now());
    obey(Do::Nothing);
}

void Connector::obey(Do next) {
    // A connection may fail at once.
    while (next == Do::Connect) {
        connect();
        if (attempt_ != nullptr) break;
        next = plan_.connecting_failed(loop_.now());
    }
    if (next == Do::Resolve) resolve();
    if (plan_.deadline() == kNever) {
        timer_.stop();
    } else {
        loop_.timers().start(timer_, plan_.deadline());
    }
    if (plan_.stage() == Stage::Pausing && !why_.empty()) tell_failure();
}

void Connector::resolve() {
    if (lookup_ != nullptr) return;
    lookup_ = std::make_unique<runtime::NameLookup>(
        loop_.io(), host_, port_,
        [this](auto error, const auto& found) { on_resolved(error, found); }, resolve_);
}

void Connector::on_resolved(boost::system::error_code error,
                            const runtime::NameLookup::Addresses& found) {
    lookup_.reset();
    if (plan_.stage() != Stage::Resolving) return;  // too late for this attempt
    if (error) {
        note(fmt::format(
            "the name {} gives no address ({}): correct it, or see to the name server or the "
            "hosts file",
            host_, error.message()));
        return obey(plan_.resolving_failed(loop_.now()));
    }
    addresses_.assign(found.begin(), found.end());
    obey(plan_.resolved(addresses_.size(), loop_.now()));
}

/// Of those that were found the one whose turn it is.
transport::PeerAddress Connector::address() const {
    const boost::asio::ip::tcp::endpoint& endpoint = addresses_[plan_.address()];
    return {endpoint.address().to_string(), endpoint.port()};
}

/// To the address whose turn it is. Without an attempt_ afterwards it has failed.
void Connector::connect() {
    const boost::asio::ip::tcp::endpoint& endpoint = addresses_[plan_.address()];
    const int fd = open_(endpoint);
    if (fd < 0) return note(reason_of(address(), errno));
    auto attempt = std::make_shared<Attempt>(*this, fd);
    // Reported as writable when it is there, also if it is already.
    if (!loop_.poller().add(fd, *attempt, runtime::ReadyHandler::kWritable)) {
        return note(reason_of(address(), errno));
    }
    attempt_ = std::move(attempt);
}

void Connector::on_socket_ready() {
    int error = 0;
    socklen_t size = sizeof error;
    (void)::getsockopt(attempt_->socket().get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == EINPROGRESS) return;
    if (error != 0) return on_connect_failed(error);
    (void)plan_.connected(loop_.now());
    timer_.stop();
    why_.clear();
    give_away();
}

void Connector::give_away() {
    loop_.poller().remove(attempt_->socket().get());
    const int fd = attempt_->socket().release();
    forget_attempt();
    handler_.on_connected(*this, fd, address());
}

void Connector::on_connect_failed(int error) {
    note(reason_of(address(), error));
    forget_attempt();
    obey(plan_.connecting_failed(loop_.now()));
}

void Connector::on_timer(TimePoint now) {
    switch (plan_.stage()) {
        case Stage::Resolving:
            note(fmt::format("the name {} was not looked up in time: see to the name server",
                             host_));
            break;
        case Stage::Connecting:
            note(reason_of(address(), ETIMEDOUT));
            break;
        default:
            break;
    }
    forget_attempt();
    obey(plan_.expired(now));
}

void Connector::note(const std::string& why) {
    if (why_.size() + why.size() > kLongestReason) return;
    if (!why_.empty()) why_ += "; ";
    why_ += why;
}

void Connector::tell_failure() {
    const std::string why = std::exchange(why_, {});
    handler_.on_dial_failed(*this, why);
}

void Connector::forget_attempt() {
    if (attempt_ == nullptr) return;
    attempt_->disown();
    if (attempt_->socket().get() >= 0) loop_.poller().remove(attempt_->socket().get());
    // Until the events of this turn have been handled.
    boost::asio::post(loop_.io(), [attempt = std::move(attempt_)] {});
    attempt_ = nullptr;
}

}  // namespace vmq::cluster
