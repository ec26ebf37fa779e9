// Package kubernetes holds examples/kubernetes to what it promises. Its tests read
// every manifest as Kubernetes does, hold what belongs together against each other
// and against the real commands, and run both sides as the manifests say, with a
// real Envoy. Those that begin with TestLong apply the folder to a real API server.
package kubernetes

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// folder is what is applied with kubectl apply -k.
const folder = "../../examples/kubernetes"

// object is any object that the folder has.
type object interface {
	metav1.Object
	GetObjectKind() schema.ObjectKind
}

// newObject makes what each kind in the folder is decoded into. A kind that is not
// here is one that no test looks at, and so an error.
var newObject = map[schema.GroupVersionKind]func() object{
	corev1.SchemeGroupVersion.WithKind("Namespace"):             func() object { return new(corev1.Namespace) },
	corev1.SchemeGroupVersion.WithKind("Service"):               func() object { return new(corev1.Service) },
	appsv1.SchemeGroupVersion.WithKind("Deployment"):            func() object { return new(appsv1.Deployment) },
	appsv1.SchemeGroupVersion.WithKind("DaemonSet"):             func() object { return new(appsv1.DaemonSet) },
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"): func() object { return new(policyv1.PodDisruptionBudget) },
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"):   func() object { return new(networkingv1.NetworkPolicy) },
}

// kustomization is the part of kustomization.yaml that the folder uses. TestLong
// holds what is built from it here against what kubectl builds.
type kustomization struct {
	metav1.TypeMeta `json:",inline"`

	Resources []string `json:"resources"`
	Images    []struct {
		Name    string `json:"name"`
		NewName string `json:"newName"`
		NewTag  string `json:"newTag"`
	} `json:"images"`
	ConfigMapGenerator []struct {
		Name      string   `json:"name"`
		Namespace string   `json:"namespace"`
		Files     []string `json:"files"`
	} `json:"configMapGenerator"`
	GeneratorOptions struct {
		DisableNameSuffixHash bool              `json:"disableNameSuffixHash"`
		Labels                map[string]string `json:"labels"`
	} `json:"generatorOptions"`
}

// decode refuses unknown, repeated and wrongly capitalised fields, as an API
// server that validates strictly does.
func decode(t *testing.T, file string, document []byte, into any) {
	t.Helper()
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, err := range strict {
		t.Errorf("%s: %v", file, err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// build returns the objects of the folder, as kubectl kustomize does.
func build(t *testing.T) []object {
	t.Helper()
	return buildIn(t, folder)
}

// buildIn does it for a copy of the folder.
func buildIn(t *testing.T, folder string) []object {
	t.Helper()
	var k kustomization
	decode(t, "kustomization.yaml", readFile(t, filepath.Join(folder, "kustomization.yaml")), &k)
	var objects []object
	for _, file := range k.Resources {
		for document := range bytes.SplitSeq(readFile(t, filepath.Join(folder, file)), []byte("\n---\n")) {
			objects = append(objects, decodeObject(t, file, document))
		}
	}
	k.setImages(t, objects)
	if !k.GeneratorOptions.DisableNameSuffixHash {
		t.Error("the names of ConfigMaps bear a hash, so that a changed resource restarts contour")
	}
	for _, g := range k.ConfigMapGenerator {
		m := &corev1.ConfigMap{Data: make(map[string]string)}
		m.APIVersion, m.Kind, m.Name, m.Namespace, m.Labels = "v1", "ConfigMap", g.Name, g.Namespace, k.GeneratorOptions.Labels
		for _, file := range g.Files {
			m.Data[filepath.Base(file)] = string(readFile(t, filepath.Join(folder, file)))
		}
		objects = append(objects, m)
	}
	return objects
}

// setImages gives the containers of an image's name the one that is to be run. Each
// of the images has to be run by a container: kustomize passes over a name that
// nothing bears, and the place that is to change it changes nothing.
func (k *kustomization) setImages(t *testing.T, objects []object) {
	t.Helper()
	for _, image := range k.Images {
		found := false
		for _, w := range workloads(objects) {
			// The containers of w are those of the object itself.
			for _, containers := range [][]corev1.Container{w.template.Spec.InitContainers, w.template.Spec.Containers} {
				for i, c := range containers {
					if c.Image == image.Name {
						containers[i].Image, found = image.NewName+":"+image.NewTag, true
					}
				}
			}
		}
		if !found {
			t.Errorf("kustomization.yaml: no container has the image %s", image.Name)
		}
	}
}

func decodeObject(t *testing.T, file string, document []byte) object {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	newOne, known := newObject[kind.GroupVersionKind()]
	if !known {
		t.Fatalf("%s: %s is a kind that no test looks at", file, kind.GroupVersionKind())
	}
	o := newOne()
	decode(t, file, document, o)
	return o
}

// all returns the objects of one type.
func all[T object](objects []object) []T {
	var some []T
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			some = append(some, typed)
		}
	}
	return some
}

// workload is what a Deployment and a DaemonSet have in common.
type workload struct {
	name     string
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
}

// containers are all containers of a pod, those that run before the others first.
func (w workload) containers() []corev1.Container {
	return slices.Concat(w.template.Spec.InitContainers, w.template.Spec.Containers)
}

// imageName is the last part of an image's name: contour, of every registry.
func imageName(image string) string { return before(before(path.Base(image), "@"), ":") }

// imageTag is what stands behind the name, and none is "".
func imageTag(image string) string {
	_, tag, _ := strings.Cut(path.Base(image), ":")
	return tag
}

func workloads(objects []object) map[string]workload {
	found := make(map[string]workload)
	for _, d := range all[*appsv1.Deployment](objects) {
		found[d.Name] = workload{d.Name, d.Spec.Selector, d.Spec.Template}
	}
	for _, d := range all[*appsv1.DaemonSet](objects) {
		found[d.Name] = workload{d.Name, d.Spec.Selector, d.Spec.Template}
	}
	return found
}

func TestEachFileOfTheFolderIsApplied(t *testing.T) {
	var k kustomization
	decode(t, "kustomization.yaml", readFile(t, filepath.Join(folder, "kustomization.yaml")), &k)
	applied := append([]string{"kustomization.yaml"}, k.Resources...)
	for _, g := range k.ConfigMapGenerator {
		applied = append(applied, g.Files...)
	}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, folder+"/")
		if filepath.Ext(name) != ".md" && !slices.Contains(applied, name) {
			t.Errorf("%s is in the folder, and kustomization.yaml does not have it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheFolderHasWhatASplitDeploymentNeeds(t *testing.T) {
	var got []string
	for _, o := range build(t) {
		kind := o.GetObjectKind().GroupVersionKind().Kind
		got = append(got, kind+" "+o.GetName())
		if kind != "Namespace" && o.GetNamespace() != "contour" {
			t.Errorf("%s %s is in namespace %q", kind, o.GetName(), o.GetNamespace())
		}
	}
	want := []string{
		"Namespace contour", "Deployment contour", "Service contour", "PodDisruptionBudget contour",
		"DaemonSet envoy", "Service envoy", "NetworkPolicy contour", "NetworkPolicy envoy",
		"ConfigMap contour-resources", "ConfigMap contour-readiness",
	}
	// Above all no Secret: keys are made where they are used, and are in no repository.
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
