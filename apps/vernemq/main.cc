// vernemq: the broker.
#include <cstdio>
#include <csignal>
#include <cstring>
#include <cstdlib>

#include "broker/broker.h"

int main(int argc, char** argv) {
    using namespace vmq;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    broker::BrokerOptions options;
    broker::ListenerOptions listener;
    listener.tcp.address = "127.0.0.1";
    listener.tcp.port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 1883);
    listener.policy.allow_anonymous = true;
    listener.max_connections = 0;
    if (std::getenv("VMQ_BENCH") != nullptr) {
        listener.settings.max_inflight_messages = 1000;
        listener.settings.max_online_messages = 100000;
        listener.settings.max_offline_messages = 100000;
    }
    if (const char* shards = std::getenv("VMQ_SHARDS")) options.shards = static_cast<std::uint32_t>(std::atoi(shards));
    options.listeners.push_back(listener);
    broker::Broker broker(options);
    if (auto started = broker.start(); !started) {
        std::fprintf(stderr, "%s\n", started.error().detail.c_str());
        return 1;
    }
    int signal = 0;
    sigwait(&signals, &signal);
    broker.stop();
    return 0;
}
