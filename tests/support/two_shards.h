// A publisher, and receivers on its shard or another.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/test_broker.h"

namespace vmq::testing {

/// Of a client whose session outlives its connection; its id follows.
inline constexpr const char* kLasting = " clean_start=0 session_expiry_interval=60 client_id=";

/// The numbers from `first` to `last`.
[[nodiscard]] inline std::vector<std::string> payloads(int first, int last) {
    std::vector<std::string> all;
    for (int i = first; i <= last; ++i) all.push_back(std::to_string(i));
    return all;
}

/// A publisher at home on shard 0; whoever gets its messages is there or on the shard given.
class TwoShards : public ::testing::TestWithParam<ShardId> {
protected:
    void publish(int first, int last, int qos = 1) {
        for (int i = first; i <= last; ++i) {
            publisher.send(fmt::format("PUBLISH topic=t qos={} id={} payload={}", qos, i, i));
        }
        broker.settle();
    }
    [[nodiscard]] std::string id(std::string_view prefix) const {
        return broker.id_on(GetParam(), prefix);
    }

    TestBroker broker{{.shards = 2}};
    TestClient& publisher = broker.connect("v5 client_id=" + broker.id_on(0, "pub"));
};

}  // namespace vmq::testing
