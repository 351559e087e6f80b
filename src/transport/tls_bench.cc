// What TLS costs a listener: handshakes, records, and the memory of an idle connection.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "support/tls/listener_files.h"
#include "support/tls/tls_pair.h"
#include "transport/tls_context.h"
#include "transport/tls_session.h"

namespace vmq::transport {
namespace {

using testing::TlsClientOptions;
using testing::TlsPair;
using testing::TlsResumption;
using Key = testing::CertificateSpec::Key;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

// A listener with a certificate for `key`, which asks clients for theirs if `asks`.
struct Listener : testing::ListenerFiles {
    explicit Listener(Key key, bool asks = false)
        : ListenerFiles({.common_name = "broker", .key = key}) {
        options.cafile = cafile;
        options.require_certificate = asks;
        context = load();
    }

    testing::TestCertificate between =
        testing::make_certificate({.common_name = "Between", .is_authority = true}, &authority);
    testing::TestCertificate client =
        testing::make_certificate({.common_name = "meter-7"}, &between);
    std::shared_ptr<const TlsContext> context;
};

TlsClientOptions options_for(const Listener& listener, int version, bool certificate) {
    TlsClientOptions options{.version = version};
    if (certificate) {
        options.certificate = &listener.client;
        options.intermediate = &listener.between;
    }
    return options;
}

// The server's part only: the client's runs while the clock stands. Returns why it failed.
std::string shake_hands(benchmark::State& state, const Listener& listener,
                        const TlsClientOptions& options) {
    state.PauseTiming();
    testing::TlsClient client(options);
    std::string plain;
    OutputBuffer out;
    std::string wire = client.output();
    state.ResumeTiming();
    TlsSession session(listener.context);
    while (session.receive(wire, plain, out) == TlsSession::Status::Handshaking) {
        state.PauseTiming();
        client.receive(testing::take_all(out));
        wire = client.output();
        state.ResumeTiming();
    }
    if (session.resumed() != (options.resume != nullptr)) return "resumed wrongly";
    return session.error();
}

void handshakes(benchmark::State& state, Key key, int version, bool certificate, bool resume) {
    const Listener listener(key, certificate);
    TlsClientOptions options = options_for(listener, version, certificate);
    TlsResumption resumption;
    if (resume) {
        TlsPair first(listener.context, options);
        first.run();
        resumption = first.client.take_resumption();
    }
    for (auto _ : state) {
        // OpenSSL's client uses a session of TLS 1.3 once.
        const TlsResumption once(resume ? SSL_SESSION_dup(resumption.get()) : nullptr);
        options.resume = once.get();
        const std::string error = shake_hands(state, listener, options);
        if (!error.empty()) return state.SkipWithError(error.c_str());
    }
}

// From the client, `size` bytes per record, `records` per call.
void receive(benchmark::State& state, int version) {
    const Listener listener(Key::Ec);
    TlsPair pair(listener.context, {.version = version});
    pair.run();
    const auto size = static_cast<std::size_t>(state.range(0));
    const auto records = static_cast<std::size_t>(state.range(1));
    const std::string message(size, 'x');
    for (auto _ : state) {
        state.PauseTiming();
        constexpr int kCalls = 100;
        std::vector<std::string> wires;
        for (int call = 0; call < kCalls; ++call) {
            for (std::size_t i = 0; i < records; ++i) pair.client.send(message);
            wires.push_back(pair.client.output());
        }
        state.ResumeTiming();
        for (const std::string& wire : wires) {
            pair.plain.clear();
            (void)pair.session.receive(wire, pair.plain, pair.out);
            if (pair.plain.size() != size * records)
                return state.SkipWithError("bytes are missing");
        }
    }
    const auto total = static_cast<double>(state.iterations() * 100) * static_cast<double>(records);
    state.counters["ns_per_record"] =
        benchmark::Counter(total * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void send(benchmark::State& state, int version) {
    const Listener listener(Key::Ec);
    TlsPair pair(listener.context, {.version = version});
    pair.run();
    const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
    OutputBuffer plain;
    for (auto _ : state) {
        plain.bytes() += message;
        if (!pair.session.send(plain, pair.out)) return state.SkipWithError("not sent");
        pair.out.clear();
    }
}

// Bytes of an idle connection, by the allocator's count of many; handshakes at a different time
// than the client's, whose memory does not count.
void idle(benchmark::State& state, int version, bool certificate) {
    const Listener listener(Key::Ec, certificate);
    const TlsClientOptions options = options_for(listener, version, certificate);
    constexpr std::size_t kSessions = 500;
    double per_session = 0;
    for (auto _ : state) {
        {
            TlsPair warm_up(listener.context, options);
            warm_up.run();
        }
        std::vector<std::unique_ptr<TlsSession>> sessions;
        sessions.reserve(kSessions);
        const std::size_t before = ::mallinfo2().uordblks;
        for (std::size_t i = 0; i < kSessions; ++i) {
            testing::TlsClient client(options);
            std::string plain;
            OutputBuffer out;
            auto session = std::make_unique<TlsSession>(listener.context);
            while (session->receive(client.output(), plain, out) ==
                       TlsSession::Status::Handshaking ||
                   !out.empty())
                client.receive(testing::take_all(out));
            if (session->status() != TlsSession::Status::Open)
                return state.SkipWithError(session->error().c_str());
            sessions.push_back(std::move(session));
        }
        per_session = static_cast<double>(::mallinfo2().uordblks - before) / kSessions;
    }
    state.counters["bytes"] = per_session;
}

void name_all() {
    for (const int version : kVersions) {
        const std::string name = version == TLS1_3_VERSION ? "/tls1.3" : "/tls1.2";
        for (const bool certificate : {false, true}) {
            const std::string client = certificate ? "/client_certificate" : "";
            benchmark::RegisterBenchmark(("idle" + name + client).c_str(), idle, version,
                                         certificate)
                ->Iterations(1);
            benchmark::RegisterBenchmark(("handshake/p256" + name + client).c_str(), handshakes,
                                         Key::Ec, version, certificate, false);
            benchmark::RegisterBenchmark(("resume" + name + client).c_str(), handshakes, Key::Ec,
                                         version, certificate, true);
        }
        benchmark::RegisterBenchmark(("handshake/rsa2048" + name).c_str(), handshakes, Key::Rsa,
                                     version, false, false);
        benchmark::RegisterBenchmark(("receive" + name).c_str(), receive, version)
            ->ArgNames({"size", "records"})
            ->Args({64, 1})
            ->Args({64, 100})
            ->Args({16384, 1});
        benchmark::RegisterBenchmark(("send" + name).c_str(), send, version)
            ->ArgName("size")
            ->Arg(64)
            ->Arg(16384)
            ->Arg(1 << 20);
    }
}

const bool kNamed = (name_all(), true);

}  // namespace
}  // namespace vmq::transport
