#include "transport/host_resolver.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/detached.h"
#include "runtime/guarded.h"

namespace vmq::transport {
namespace {

std::string reason_of(int error) {
    if (error == EAI_SYSTEM) return std::strerror(errno);
    return ::gai_strerror(error);
}

Result<HostResolver::Addresses> look_up(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
        error != 0) {
        return Error{ErrorCode::NotFound,
                     fmt::format("the name {} gives no address ({}): correct it, or see to the "
                                 "name server or the hosts file",
                                 host, reason_of(error))};
    }
    HostResolver::Addresses addresses;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
        SocketAddress& address = addresses.emplace_back();
        std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
        address.size = each->ai_addrlen;
    }
    ::freeaddrinfo(found);
    if (addresses.empty()) {
        return Error{ErrorCode::NotFound, fmt::format("the name {} gives no IP address", host)};
    }
    return addresses;
}

}  // namespace

PeerAddress SocketAddress::peer() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (storage.ss_family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, &storage, sizeof address);
        ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
        return {text.data(), ntohs(address.sin_port)};
    }
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(address.sin6_port)};
}

/// Outlives the resolver as long as a thread of it is with a name server. Null: it is gone.
struct HostResolver::Home {
    runtime::Guarded<HostResolver*> resolver;
};

HostResolver::HostResolver(runtime::ShardLoop& loop)
    : loop_(loop), home_(std::make_shared<Home>()) {
    home_->resolver.with([this](HostResolver*& resolver) { resolver = this; });
}

HostResolver::~HostResolver() {
    home_->resolver.with([](HostResolver*& resolver) { resolver = nullptr; });
}

std::uint64_t HostResolver::resolve(std::string host, std::uint16_t port, Done done) {
    const std::uint64_t number = ++last_;
    asked_.emplace(number, std::move(done));
    waiting_.push_back({number, std::move(host), port});
    start_waiting();
    return number;
}

void HostResolver::start_waiting() {
    while (!waiting_.empty() && under_way_ < kMostLookups) {
        start(waiting_.front());
        waiting_.pop_front();
    }
}

void HostResolver::start(const Lookup& lookup) {
    ++under_way_;
    const bool started = runtime::run_detached(
        [home = home_, lookup] { bring(home, lookup.number, look_up(lookup.host, lookup.port)); });
    if (started) return;
    bring(home_, lookup.number,
          Error{ErrorCode::Unavailable,
                fmt::format("the name {} cannot be looked up: the system gives no thread, raise "
                            "the limit of processes (ulimit -u)",
                            lookup.host)});
}

/// Any thread. Under the lock, so that the loop is still there.
void HostResolver::bring(const std::shared_ptr<Home>& home, std::uint64_t number,
                         Result<Addresses> answer) {
    home->resolver.with([&](HostResolver* resolver) {
        if (resolver == nullptr) return;
        boost::asio::post(resolver->loop_.io(),
                          [home, number, answer = std::move(answer)]() mutable {
                              HostResolver* here = nullptr;
                              home->resolver.with([&](HostResolver* it) { here = it; });
                              if (here != nullptr) here->finish(number, std::move(answer));
                          });
    });
}

void HostResolver::finish(std::uint64_t number, Result<Addresses> answer) {
    --under_way_;
    start_waiting();
    const auto found = asked_.find(number);
    if (found == asked_.end()) return;
    const Done done = std::move(found->second);
    asked_.erase(found);
    done(std::move(answer));
}

void HostResolver::forget(std::uint64_t number) {
    asked_.erase(number);
    const auto same = [number](const Lookup& lookup) { return lookup.number == number; };
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), same), waiting_.end());
}

}  // namespace vmq::transport
