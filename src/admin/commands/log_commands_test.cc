#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class LogCommands : public CommandTest {
protected:
    LogCommands() {
        node.logs = {{"console", "info", "console", ""},
                     {"consolefile", "info", "file", "log/console.log"}};
    }
};

TEST_F(LogCommands, ShowConfigListsWhereItGoes) {
    EXPECT_EQ(out("log show config --format=csv"),
              "logger,level,type,file\r\nconsole,info,console,-\r\n"
              "consolefile,info,file,log/console.log\r\n");
}

TEST_F(LogCommands, LevelTakesItsArgumentsInAnyOrder) {
    EXPECT_EQ(out("log level level=debug logger=consolefile"), "Done\n");
    EXPECT_EQ(out("log level logger=console level=warning"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"level consolefile 0", "level console 3"}));
}

TEST_F(LogCommands, AModuleMayHaveALevelOfItsOwn) {
    EXPECT_EQ(out("log show modules --format=csv"),
              "module,level\r\nsession,default\r\nstore,debug\r\n");
    EXPECT_EQ(out("log level module=store level=error"), "Done\n");
    EXPECT_EQ(out("log level level=default module=session"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"level of store 4", "level of session default"}));
}

TEST_F(LogCommands, LevelIsOfALoggerOrOfAModule) {
    EXPECT_EQ(out("log level level=error"), "Invalid arguments: \n");
    EXPECT_EQ(out("log level level=error module=store logger=console"),
              "Invalid arguments: module=store \n");
    EXPECT_EQ(out("log level level=debug module=nowhere"), "Invalid arguments: module=nowhere \n");
    EXPECT_EQ(run("log level level=debug module=nowhere").err, "There is: session, store\n");
    EXPECT_EQ(out("log level level=loud module=store"), "Invalid arguments: level=loud \n");
    EXPECT_EQ(out("log level level=default logger=console"), "Invalid arguments: level=default \n");
    EXPECT_EQ(calls(), Calls{});
}

TEST_F(LogCommands, WhatThereIsNotIsRefused) {
    EXPECT_EQ(out("log level logger=x level=debug"), "Invalid arguments: logger=x \n");
    EXPECT_EQ(run("log level logger=x level=debug").err, "There is: console, consolefile\n");
    EXPECT_EQ(out("log level logger=console level=loud"), "Invalid arguments: level=loud \n");
    EXPECT_EQ(run("log level logger=console level=loud").status, 1);
    EXPECT_EQ(calls(), Calls{});
}

}  // namespace
}  // namespace vmq::admin::commands
