// The real program as a process of its own, on TCP and on real time.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>

#include "conformance/rig.h"

namespace vmq::conformance {

/// The broker runs from make() to the end of the rig; a folder of its own holds its configuration.
class ProcessRig final : public Rig {
public:
    /// Why this case cannot be played against a process; empty: it can.
    [[nodiscard]] static std::string why_not(const Case& played);

    [[nodiscard]] static Result<std::unique_ptr<ProcessRig>> make(const std::string& program,
                                                                  std::uint32_t shards,
                                                                  const Case& played);
    ~ProcessRig() override;
    ProcessRig(const ProcessRig&) = delete;
    ProcessRig& operator=(const ProcessRig&) = delete;

    [[nodiscard]] Result<int> connect(std::string_view listener) override;
    Result<void> settle(const Exchange& exchange) override;
    void await(const Exchange& exchange, const std::function<bool()>& satisfied) override;
    void await_silence(const Exchange& exchange) override;
    Result<void> advance(Millis time, const Exchange& exchange) override;
    Result<void> shut_down(const Exchange& exchange) override;

private:
    ProcessRig();
    Result<void> start(const std::string& program, const std::string& conf);
    Result<void> read_ports(int output, const std::vector<std::string>& listeners);

    std::filesystem::path folder_;
    pid_t process_ = -1;
    std::map<std::string, std::uint16_t, std::less<>> ports_;
};

}  // namespace vmq::conformance
