// Command controlplane is the Kubernetes control plane of the tests and of the demo in one binary.
//
// It is etcd, kube-apiserver, kube-controller-manager or kubectl, by the name that it was started under (a link to the
// binary) or else by its first argument. One binary instead of four because they share most of their code: it takes a
// third of the time to link and a third of the disk.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // the servers' --logging-format=json
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// programs maps a program's name to its upstream entry point, which takes its arguments from os.Args and returns the
// exit code.
var programs = map[string]func() int{
	"etcd": func() int {
		etcdmain.Main(os.Args)
		return 0
	},
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kubectl":                 func() int { return runKubectl(kubectl.NewDefaultKubectlCommand()) },
}

// runKubectl leaves the words of an error to kubectl, which knows the exit code of each; cli.Run would print it in the
// servers' log format.
func runKubectl(command *cobra.Command) int {
	if err := cli.RunNoErrOutput(command); err != nil {
		util.CheckErr(err)
	}
	return 0
}

func main() {
	if run, found := programs[filepath.Base(os.Args[0])]; found {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, found := programs[os.Args[1]]; found {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	fmt.Fprintf(os.Stderr, "usage: controlplane PROGRAM [ARGUMENT...], where PROGRAM is one of %v\n",
		slices.Sorted(maps.Keys(programs)))
	os.Exit(2)
}
