// The modes of way_load and what they are told.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/way_client.h"

namespace vmq::bench {

struct Options {
    std::string mode;
    Way way = Way::Tcp;
    std::string way_name = "tcp";
    std::uint16_t port = 0;
    std::uint16_t flow_port = 0;  // plain TCP, of the flow in a storm
    pid_t pid = 0;                // the broker's
    int qos = 0;
    std::size_t clients = 10;  // pairs, connections, or handshakes at a time
    std::size_t window = 100;
    std::size_t messages = 500'000;
    double rate = 2000;  // new connections per second
    double seconds = 5;
    int tls_version = 0;    // 12 or 13; 0: what both can
    bool hang = false;      // storm: connections only say hello
    int flow_priority = 0;  // SCHED_FIFO for the thread with the flow; 0: as it is
};

struct ReleaseContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ReleaseContext>;

/// For full handshakes; looks at no certificate.
[[nodiscard]] ContextPtr client_context(const Options& options);

using Clock = std::chrono::steady_clock;
[[nodiscard]] inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Each prints one line of JSON and returns the exit status.
[[nodiscard]] int run_pairs(const Options& options);
[[nodiscard]] int run_idle(const Options& options);
[[nodiscard]] int run_handshakes(const Options& options);
[[nodiscard]] int run_storm(const Options& options);

}  // namespace vmq::bench
